"""deploy/cluster-kuberay.yaml: the command that it runs, and that all its parts fit together."""

import shlex
from pathlib import Path

import pytest

from jpegmend import __version__
from jpegmend.cli import cluster
from jpegmend.cli.parser import Parser

DEPLOY = Path(__file__).parents[2] / "deploy"
# Fields of KubeRay's ray.io/v1 (https://ray-project.github.io/kuberay/reference/api/) that a job like this may have.
JOB = {"activeDeadlineSeconds", "backoffLimit", "entrypoint", "rayClusterSpec", "runtimeEnvYAML", "submissionMode"}
JOB |= {"shutdownAfterJobFinishes", "submitterConfig", "submitterPodTemplate", "suspend", "ttlSecondsAfterFinished"}
CLUSTER = {"headGroupSpec", "workerGroupSpecs", "rayVersion", "enableInTreeAutoscaling", "autoscalerOptions"}
CLUSTER |= {"authOptions", "suspend"}
HEAD = {"serviceType", "headService", "enableIngress", "rayStartParams", "template"}
WORKERS = {"groupName", "replicas", "minReplicas", "maxReplicas", "numOfHosts", "rayStartParams", "template"}


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
    (workers,) = ray["workerGroupSpecs"]
    (box,) = workers["template"]["spec"]["containers"]
    assert given.jobs == workers["maxReplicas"] * int(box["resources"]["limits"]["cpu"])
    groups = [ray["headGroupSpec"], *ray["workerGroupSpecs"]]
    (image,) = {box["image"] for group in groups for box in group["template"]["spec"]["containers"]}
    assert image.endswith(f":{__version__}")
    dockerfile = (DEPLOY / "cluster-Dockerfile").read_text()
    assert dockerfile.count(f"{ray['rayVersion']}") == 2, "the image's Ray is that of the manifest"
    assert (spec.keys() <= JOB) and (ray.keys() <= CLUSTER)
    assert (ray["headGroupSpec"].keys() <= HEAD) and (workers.keys() <= WORKERS)
    for group in groups:
        assert all(isinstance(text, str) for text in group["rayStartParams"].values())
        (box,) = group["template"]["spec"]["containers"]
        assert box["resources"]["limits"] == box["resources"]["requests"]
        assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in box["env"]
