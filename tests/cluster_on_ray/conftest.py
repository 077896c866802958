"""An S3 server that answers badly when told to, and a Ray cluster of two machines. `scripts/cluster-tests` runs these.

Ray is large and starts slowly, so the tests of this folder are skipped by name unless JPEGMEND_CLUSTER_TESTS is set.
"""

import os
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.conftest import ENDS_AT_POISON, cluster, jpeg, place

__all__ = ["cluster", "place"]

WANTED = os.environ.get("JPEGMEND_CLUSTER_TESTS")
WHY = "run by scripts/cluster-tests, which installs Ray and moto"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and not WANTED:
            item.add_marker(pytest.mark.skip(reason=WHY))


class BadServer:
    """moto's S3 behind a door that delays requests, or answers them itself by an error."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        self._moto = DomainDispatcherApplication(create_backend_app)
        self.delay = 0.0
        """Seconds before each answer."""
        self.errors: list[int] = []
        """Statuses by which the next requests are answered."""
        self.down_until = 0.0
        """Every request is answered by 503 until this time, of ``time.monotonic``."""
        self.refused = 0
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if environ["HTTP_HOST"] and "jpegmend-bucket" in environ["PATH_INFO"]:
            time.sleep(self.delay)
            down = time.monotonic() < self.down_until
            if down or self.errors:
                status = 503 if down else self.errors.pop()
                self.refused += 1
                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                start(f"{status} Bad Day", [("Content-Length", "0")])
                return [b""]
        return self._moto(environ, start)

    def make_bucket(self) -> str:
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/jpegmend-bucket", method="PUT")).close()
        return "s3://jpegmend-bucket"

    def behave(self) -> None:
        self.delay, self.errors, self.down_until, self.refused = 0.0, [], 0.0, 0

    def close(self) -> None:
        self._server.shutdown()


@pytest.fixture(scope="session")
def server() -> Iterator[BadServer]:
    pytest.importorskip("moto", reason=WHY)
    server = BadServer()
    names = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in names.items():
            patch.setenv(name, value)
        server.make_bucket()
        yield server
    server.close()


@pytest.fixture
def bucket(server: BadServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """An address of this test's own; ``src`` below it holds 11 pictures."""
    from jpegmend.cluster.storage import Storage

    server.behave()
    address = f"s3://jpegmend-bucket/{request.node.name}"
    source = Storage(f"{address}/src")
    for seed in range(11):
        source.write(f"{seed}.jpg", jpeg(seed))
    yield address
    server.behave()


def results(address: str) -> dict[str, bytes]:
    """The restored pictures below an address."""
    from jpegmend.cluster.storage import Storage

    found = Storage(address)
    return {entry.key: found.read(entry.key) for entry in found.list() if entry.key.endswith(".restored.png")}


@pytest.fixture(scope="session")
def ray_cluster(server: BadServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two machines of one CPU each (two raylets on this one), with a token; processes that restore the poison end."""
    folder = tmp_path_factory.mktemp("poison")
    (folder / "sitecustomize.py").write_text(ENDS_AT_POISON)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef" * 4)
        patch.setenv("RAY_raylet_start_wait_time_s", "300")
        patch.setenv("RAY_health_check_period_ms", "1000")
        patch.setenv("RAY_worker_niceness", "0")
        pytest.importorskip("ray", reason=WHY)  # reads some of these variables when it is imported
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args=node)
        made.second = made.add_node(num_cpus=1, object_store_memory=80_000_000)
        yield made
        made.shutdown()
