"""Workers of a job as actors of a Ray cluster."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from jpegmend.cluster.local import Settings
from jpegmend.cluster.tasks import Event, Failed, Finished, Joined, Lost, Refused, Report, Task
from jpegmend.cluster.work import Session
from jpegmend.errors import JobError, MissingExtra, StorageError

_GROW = 30.0
"""Seconds between two checks of the size of the cluster."""
_PAUSE = 5.0
"""Seconds before an actor that could not open its session tries again."""
_ASK = 1.0
"""Seconds before an actor that is being started again is asked once more."""
_HEALTH = 30.0
"""Seconds after which Ray has noticed that a machine is gone."""
_STARTS = 60
"""Times that it may try, one after the other."""


class Actor:
    """One worker: a session, opened by the first call, which therefore is part of no scheduled task.

    An actor that ends while it has no task is started again by Ray without a word to the driver, and gets a task next;
    so a task opens the session too. Errors are returned, not raised: Ray would wrap them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: Session | None = None

    def hello(self) -> str | Exception:
        """Open the session; the id of the machine."""
        import ray

        try:
            self._open()
        except Exception as error:
            return error
        return str(ray.get_runtime_context().get_node_id())

    def do(self, task: Task) -> Report | Exception:
        """Do a task."""
        try:
            return self._open().do(task)
        except Exception as error:
            return error

    def _open(self) -> Session:
        self._session = self._session or Session(*self._settings)
        return self._session


class _Call(NamedTuple):
    """A call of an actor that is not answered yet."""

    worker: int
    hello: bool


class RayCrew:
    """Actors of a Ray cluster, which end with :meth:`close`. Implements :class:`~jpegmend.cluster.tasks.Crew`.

    Pictures never pass through Ray: actors get the numbers of a task and return counts. Ray starts an actor again
    that has ended (``max_restarts`` -1), on another machine if need be. Its task is not repeated by Ray
    (``max_task_retries`` 0), but by the scheduler, which counts how often a picture ends its actor.

    Args:
        address: ``auto``, or host and port of the cluster.
        workers: number of actors; None: as many as the cluster has CPUs for, or GPUs, also when it grows.
        settings: arguments of each one's session. They are small, so that they travel with the call and not through
            the object store, where they would be lost with a machine.
        gpu: whether each actor takes one GPU, if the cluster has any.

    Raises:
        MissingExtra: Ray is not installed.
        JobError: no cluster answers there.
    """

    def __init__(self, address: str, workers: int | None, settings: Settings, *, gpu: bool = False) -> None:
        self._ray = _connect(address)
        total = self._ray.cluster_resources()
        self._unit = "GPU" if gpu and total.get("GPU") else "CPU"
        self._each = 1 if self._unit == "GPU" else settings[2]
        self._settings = settings
        self._fixed = workers
        self._actors: list[Any] = []
        self._nodes: dict[int, str] = {}
        self._back: dict[int, str] = {}
        self._gone: dict[int, tuple[float, str]] = {}
        self._starts: dict[int, int] = {}
        self._calls: dict[Any, _Call] = {}
        self._later: list[tuple[float, int]] = []
        self._looked = self.now()
        self._grow(workers or max(1, int(total.get(self._unit, 1) // self._each)))

    def now(self) -> float:
        """Seconds of a clock that only advances."""
        return time.monotonic()

    def give(self, worker: int, task: Task) -> None:
        """Start a task."""
        self._calls[self._actors[worker].do.remote(task)] = _Call(worker, False)

    def wait(self, until: float) -> list[Event]:
        """The next events; an empty list if there are none until that time."""
        self._check_actors()
        timeout = max(0.0, min(until, self.now() + _ASK) - self.now())
        ready = self._ready(timeout)
        events = [event for ref in ready if (event := self._event(ref)) is not None]
        events += self._lost()
        # An actor joins after its loss has been told.
        for worker in [worker for worker in self._back if worker not in self._gone]:
            self._nodes[worker] = self._back.pop(worker)
            events.append(Joined(worker))
        return events

    def _ready(self, timeout: float) -> list[Any]:
        """The calls that are answered, after at most so many seconds."""
        calls = list(self._calls)
        if not calls:
            time.sleep(timeout)
            return []
        ready, _ = self._ray.wait(calls, num_returns=1, timeout=timeout, fetch_local=False)
        if ready:
            ready, _ = self._ray.wait(calls, num_returns=len(calls), timeout=0, fetch_local=False)
        return list(ready)

    def stop(self, worker: int) -> None:
        """End an actor that does not answer; Ray starts it again."""
        self._ray.kill(self._actors[worker], no_restart=False)

    def close(self) -> None:
        """End all actors, and the connection."""
        for actor in self._actors:
            self._ray.kill(actor)
        self._ray.shutdown()

    def _grow(self, count: int) -> None:
        remote = self._ray.remote(Actor)
        resources = {"num_gpus": 1} if self._unit == "GPU" else {}
        memory = self._settings[3]
        options = remote.options(
            num_cpus=self._settings[2],
            memory=memory,
            max_restarts=-1,
            max_task_retries=0,
            **resources,
        )
        for worker in range(len(self._actors), count):
            self._actors.append(options.remote(self._settings))
            self._hello(worker)

    def _hello(self, worker: int) -> None:
        self._calls[self._actors[worker].hello.remote()] = _Call(worker, True)

    def _check_actors(self) -> None:
        """Ask actors whose pause is over to open their session, and start more if the cluster has grown."""
        now = self.now()
        for when, worker in list(self._later):
            if when <= now:
                self._later.remove((when, worker))
                self._hello(worker)
        if self._fixed is None and now - self._looked > _GROW:
            self._looked = now
            self._grow(int(self._ray.cluster_resources().get(self._unit, 0) // self._each))

    def _event(self, ref: Any) -> Event | None:
        worker, hello = self._calls.pop(ref)
        try:
            answer = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            if hello and self._cannot_begin(error):
                return Refused(worker, _not_installed(error))
            # An actor that Ray is starting again refuses calls, so it is asked until it answers.
            self._later.append((self.now() + _ASK, worker))
            if not hello:
                self._gone[worker] = (self.now(), str(error))
            return None
        if hello:
            return self._joined(worker, answer)
        if isinstance(answer, Report):
            return Finished(worker, answer)
        return Failed(worker, str(answer)) if isinstance(answer, StorageError) else Refused(worker, answer)

    def _cannot_begin(self, error: Exception) -> bool:
        """Whether an actor does not begin for a reason that stays: its host cannot import this module.

        Neither the constructor of :class:`Actor` nor ``hello`` raises, and Ray does not start one again whose
        constructor did: it would be asked for ever.
        """
        return getattr(error, "actor_init_failed", False) or isinstance(error, self._ray.exceptions.RayTaskError)

    def _lost(self) -> list[Event]:
        """The actors that are known by now to have ended, alone or with their machine.

        Ray's error does not say which. Once it has started the actor again, or after the machine's health checks, it
        knows.
        """
        if not self._gone:
            return []
        alive = {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}
        events: list[Event] = []
        for worker, (since, message) in list(self._gone.items()):
            node_is_gone = self._nodes[worker] not in alive
            if node_is_gone or worker in self._back or self.now() - since > _HEALTH:
                del self._gone[worker]
                events.append(Lost(worker, node_is_gone, message))
        return events

    def _joined(self, worker: int, answer: str | Exception) -> Event | None:
        """Take note that an actor is ready; a problem of its session is an event, or it tries again."""
        if isinstance(answer, str):
            self._back[worker], self._starts[worker] = answer, 0
            return None
        self._starts[worker] = self._starts.get(worker, 0) + 1
        if not isinstance(answer, StorageError) or self._starts[worker] >= _STARTS:
            return Refused(worker, answer)
        self._later.append((self.now() + _PAUSE, worker))
        return None


def _not_installed(error: Exception) -> JobError:
    """The error of a host that cannot import this module; the last line of Ray's says why."""
    lines = str(error).split("\n")
    why = next((line.strip() for line in reversed(lines) if line.strip()), type(error).__name__)
    return JobError(
        f"a host of the Ray cluster cannot load jpegmend ({why}); install the same jpegmend on each, in the "
        "environment of its `ray start`"
    )


def _connect(address: str) -> Any:
    try:
        import ray
    except ImportError as error:
        what = f'--address {address} needs Ray; pip install "jpegmend[cluster]", or --address local'
        raise MissingExtra(what) from error
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error", ignore_reinit_error=True)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise JobError(
            f"--address {address}: no Ray cluster answers there ({str(error).splitlines()[0]}); start one with "
            "`ray start --head`; if it has a token, set RAY_AUTH_MODE=token and put it into ~/.ray/auth_token; or use "
            "--address local"
        ) from error
    return ray
