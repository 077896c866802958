"""The worker of a Ray cluster, without Ray: what it does after Ray has made it anew."""

from pathlib import Path

from jpegmend.cluster.job import open_job
from jpegmend.cluster.on_ray import Actor
from jpegmend.cluster.storage import Storage
from jpegmend.cluster.tasks import Report, Task
from jpegmend.errors import JobError


def test_an_actor_that_was_started_again_while_idle_does_its_next_task(place: Path, cluster) -> None:
    cluster("plan", "src", "dst", "--strength", "0")
    again = Actor(("dst", open_job(Storage("dst")).hash, 1, None))  # Ray calls the constructor, nobody calls hello
    answers = [again.do(Task(0, 0, 4)), again.do(Task(0, 4, 6))]
    assert [answer.done for answer in answers if isinstance(answer, Report)] == [4, 2], answers


def test_one_that_cannot_take_part_any_more_says_so(place: Path, cluster) -> None:
    cluster("plan", "src", "dst", "--strength", "0")
    assert isinstance(Actor(("dst", "0" * 16, 1, None)).do(Task(0, 0, 4)), JobError)
