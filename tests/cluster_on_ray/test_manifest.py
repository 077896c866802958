"""deploy/cluster-kuberay.yaml: the command that it runs, and that all its parts fit together."""

import shlex
from pathlib import Path

import pytest

from jpegmend import __version__
from jpegmend.cli import cluster
from jpegmend.cli.parser import Parser

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_the_manifest_runs_the_command_on_equal_images() -> None:
    yaml = pytest.importorskip("yaml")
    spec = yaml.safe_load((DEPLOY / "cluster-kuberay.yaml").read_text())["spec"]
    program, verb, *words = shlex.split(spec["entrypoint"])
    assert (program, verb) == ("jpegmend", "cluster")
    parser = Parser()
    cluster.add(parser)
    given = parser.read(words)
    assert (given.action, given.places, given.address) == ("run", ["s3://BUCKET/better"], "auto")
    ray = spec["rayClusterSpec"]
    groups = [ray["headGroupSpec"], *ray["workerGroupSpecs"]]
    (image,) = {box["image"] for group in groups for box in group["template"]["spec"]["containers"]}
    assert image.endswith(f":{__version__}")
    dockerfile = (DEPLOY / "cluster-Dockerfile").read_text()
    assert dockerfile.count(f"{ray['rayVersion']}") == 2, "the image's Ray is that of the manifest"
    for group in groups:
        (box,) = group["template"]["spec"]["containers"]
        assert box["resources"]["limits"] == box["resources"]["requests"]
        assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in box["env"]
