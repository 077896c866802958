"""A job: one picture, with its state, its events and its files."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from jpegmend.batch.names import Template
from jpegmend.batch.settings import Output
from jpegmend.formats import WRITTEN
from jpegmend.web import work
from jpegmend.web.problems import Problem
from jpegmend.web.query import Request
from jpegmend.web.scheduler import Task

MEDIA_TYPES = {name: f"image/{name}" for name in WRITTEN}
"""Media types of the output formats."""


class Event(NamedTuple):
    """Something that happened to a job."""

    number: int
    """Rising from 1; the ``id`` of a server-sent event."""
    kind: str
    """``queued``, ``running``, ``progress``, ``done`` or ``failed``."""
    data: dict[str, Any]
    """The job as JSON at that moment."""


@dataclass(eq=False, kw_only=True)
class Job:
    """One picture to restore."""

    id: str
    folder: Path
    request: Request
    state: str = "queued"
    """``queued``, ``running``, ``done`` or ``failed``."""
    kept: bool = True
    """Whether its files stay after the answer."""
    keep_seconds: float = 0.0
    """Seconds for which it is kept after its end, or after it was last read."""
    reduced: bool = False
    """Whether its input is all that is left of its files: results are then made again when they are asked for."""
    progress: tuple[int, int] = (0, 0)
    """Tiles done and all tiles."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the worker returned."""
    problem: Problem | None = None
    task: Task | None = None
    created: float = field(default_factory=time.time)
    used: float = field(default_factory=time.monotonic)
    """When it ended or was last read."""
    bytes: int = 0
    """Bytes of its files, after its end."""
    events: list[Event] = field(default_factory=list)
    """Its events, of ``progress`` the last alone."""
    count: int = 0
    """Number of events so far."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at the next event, and then replaced."""
    held: int = 0
    """Number of answers that are being sent and need its files."""
    removed: bool = False
    """Whether it was removed; its files are gone when it is no longer held."""
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a result is written in another format."""

    @property
    def ended(self) -> bool:
        """Whether it is done or has failed."""
        return self.state in ("done", "failed")

    def result_path(self, output: Output) -> Path:
        """The file of its result in a form."""
        return self.folder / work.result_name(output)

    def download_name(self, output: Output) -> str:
        """The name of its result, as the command would give it, without characters that are not printable."""
        printable = "".join(filter(str.isprintable, self.request.name))
        name = PurePath(printable.replace("\\", "/")).name or "picture.jpg"
        suffix = WRITTEN[output.format or "png"].suffixes[0]
        return str(Template().fill(PurePath(name), suffix, str(self.request.options["model"]), ""))

    def describe(self, *, queued_before: int = 0) -> dict[str, Any]:
        """The job as plain values."""
        base = f"v1/jobs/{self.id}"
        facts: dict[str, Any] = {
            "id": self.id,
            "state": self.state,
            "name": self.request.name,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.created)),
            "links": {"self": base, "events": f"{base}/events"},
        }
        if self.state == "queued":
            facts["queued_before"] = queued_before
        if self.progress[1]:
            facts["progress"] = {"done": self.progress[0], "total": self.progress[1]}
        if self.state == "done":
            facts |= self.facts
            facts["result_name"] = self.download_name(self.request.output)
            facts["kept_seconds"] = self.keep_seconds
            facts["links"]["result"] = f"{base}/result"
            if self.request.compare:
                facts["links"] |= {"decoded": f"{base}/decoded", "change": f"{base}/change"}
        if self.problem is not None:
            facts["problem"] = self.problem.as_dict()
        return facts

    def publish(self, kind: str, **more: Any) -> None:
        """Add an event and wake those who wait for one."""
        self.count += 1
        if kind == "progress":
            self.events = [event for event in self.events if event.kind != "progress"]
        self.events.append(Event(self.count, kind, self.describe(**more)))
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()
