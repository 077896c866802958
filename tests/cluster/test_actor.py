"""Workers of a Ray cluster, without Ray: what they do after Ray has made them anew, or where it cannot."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jpegmend.cluster import on_ray
from jpegmend.cluster.job import open_job
from jpegmend.cluster.on_ray import Actor, RayCrew
from jpegmend.cluster.storage import Storage
from jpegmend.cluster.tasks import Refused, Report, Task
from jpegmend.errors import JobError


def test_an_actor_that_was_started_again_while_idle_does_its_next_task(place: Path, cluster) -> None:
    cluster("plan", "src", "dst", "--strength", "0")
    again = Actor(("dst", open_job(Storage("dst")).hash, 1, None))  # Ray calls the constructor, nobody calls hello
    answers = [again.do(Task(0, 0, 4)), again.do(Task(0, 4, 6))]
    assert [answer.done for answer in answers if isinstance(answer, Report)] == [4, 2], answers


def test_one_that_cannot_take_part_any_more_says_so(place: Path, cluster) -> None:
    cluster("plan", "src", "dst", "--strength", "0")
    assert isinstance(Actor(("dst", "0" * 16, 1, None)).do(Task(0, 0, 4)), JobError)


class RayError(Exception):
    """As Ray's base class of errors."""


class RayTaskError(RayError):
    """As Ray's error of a call that raised."""


class ActorDiedError(RayError):
    """As Ray's error of an actor that is no more."""

    def __init__(self, text: str, actor_init_failed: bool) -> None:
        super().__init__(text)
        self.actor_init_failed = actor_init_failed


class FailingRay:
    """A cluster of one CPU whose actor answers every call by an error."""

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self, error: Exception) -> None:
        self.error = error

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 1.0}

    def nodes(self) -> list[dict[str, Any]]:
        return []

    def remote(self, kind: type) -> Any:
        actor = SimpleNamespace(hello=SimpleNamespace(remote=object))
        return SimpleNamespace(options=lambda **given: SimpleNamespace(remote=lambda settings: actor))

    def wait(self, calls: list[Any], **given: Any) -> tuple[list[Any], list[Any]]:
        return calls, []

    def get(self, ref: Any) -> Any:
        raise self.error


IMPORT = (
    "The actor died because of an error raised in its creation task\nModuleNotFoundError: No module named 'jpegmend'\n"
)


@pytest.mark.parametrize("error", [ActorDiedError(IMPORT, True), RayTaskError(IMPORT)])
def test_a_host_without_jpegmend_ends_the_run(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "_connect", lambda address: FailingRay(error))
    crew = RayCrew("auto", 1, ("dst", "0" * 16, 1, None))
    (event,) = crew.wait(crew.now())
    assert isinstance(event, Refused) and isinstance(event.error, JobError)
    assert "cannot load jpegmend (ModuleNotFoundError: No module named 'jpegmend'); install" in str(event.error)


def test_an_actor_that_is_being_started_again_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "_connect", lambda address: FailingRay(ActorDiedError("being restarted", False)))
    monkeypatch.setattr(on_ray, "_ASK", 0.0)
    crew = RayCrew("auto", 1, ("dst", "0" * 16, 1, None))
    for _ in range(3):
        assert crew.wait(crew.now()) == []
        assert crew._later
