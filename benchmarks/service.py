"""Throughput, waiting times and memory of the service, beside the command on the same files.

    python benchmarks/service.py --requests 200 --at-once 16

Makes crops of the pictures in examples/ (128 to 512 pixels a side, qualities 10 to 90), every tenth of them broken,
sends them to a service of its own on loopback, checks every answer (a picture of the right size, or the right problem),
and asks for ``/healthz`` all the while. Then runs the command on the whole ones, with as many processes. Prints
requests a second, the 50th and 99th percentile of the waiting time, the 99th and the longest of that for ``/healthz``,
all in seconds, peak memory of all processes in MB, and files a second and processor seconds a file of both, with the
ratio of the two throughputs. The client competes with the service for the processor; its seconds are told too.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

import httpx
from PIL import Image

from batch import EXAMPLES, memory
from jpegmend.evaluation.benchmark.footprint import descendants
from jpegmend.web.work import _NICE

TOKEN = "a-token-for-the-benchmark"


def make_bodies(count: int) -> list[tuple[bytes, tuple[int, int] | None]]:
    """Files with their sizes, None for broken ones; the same at every call."""
    pictures = [Image.open(path).convert("RGB") for path in sorted(EXAMPLES.glob("*.jpg"))]
    rng, made = random.Random(0), []
    for number in range(count):
        picture, side = rng.choice(pictures), rng.choice((128, 256, 256, 384, 512))
        crop = picture.crop((0, 0, min(side, picture.width), min(side, picture.height)))
        buffer = io.BytesIO()
        crop.save(buffer, "JPEG", quality=rng.choice((10, 20, 40, 60, 90)))
        broken = number % 10 == 9
        made.append((buffer.getvalue()[: 200 if broken else None], None if broken else crop.size))
    return made


async def send(client: httpx.AsyncClient, body: bytes, size: tuple[int, int] | None) -> float:
    """Send one file, again where the queue is full; seconds until the answer, which is checked."""
    started = time.perf_counter()
    while True:
        answer = await client.post("/v1/restore", content=body)
        if answer.status_code != 429:
            break
        await asyncio.sleep(float(answer.headers["Retry-After"]))
    seconds = time.perf_counter() - started
    if size is None:
        assert answer.status_code in (415, 422), answer.text
    else:
        assert answer.status_code == 200, answer.text
        assert Image.open(io.BytesIO(answer.content)).size == size
    return seconds


async def load(
    port: int, pid: int, bodies: deque[tuple[bytes, tuple[int, int] | None]], at_once: int
) -> dict[str, float]:
    """Send all files, so many at once."""
    waits: list[float] = []
    health: list[float] = []
    peak: list[int] = [0]
    over = asyncio.Event()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    limits = httpx.Limits(max_connections=at_once + 1)
    count = len(bodies)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=600, limits=limits, trust_env=False
    ) as client:

        async def work() -> None:
            while bodies:
                waits.append(await send(client, *bodies.popleft()))

        async def watch() -> None:
            while not over.is_set():
                started = time.perf_counter()
                (await client.get("/healthz")).raise_for_status()
                health.append(time.perf_counter() - started)
                # Seldom: the system walks the pages of every process for it.
                if len(health) % 5 == 1:
                    peak.append(await asyncio.to_thread(memory, pid))
                await asyncio.sleep(0.2)

        before, started = time.process_time(), time.perf_counter()
        watcher = asyncio.create_task(watch())
        await asyncio.gather(*(work() for _ in range(at_once)))
        seconds = time.perf_counter() - started
        used = time.process_time() - before
        over.set()
        await watcher
    waits.sort()
    health.sort()
    return {
        "requests": count / seconds,
        "p50": waits[len(waits) // 2],
        "p99": waits[int(len(waits) * 0.99)],
        "health p99": health[int(len(health) * 0.99)],
        "health most": health[-1],
        "peak": max(peak) / 1e6,
        "seconds": seconds,
        "client": used,
    }


def processor(pid: int) -> float:
    """Processor seconds of a process and all below it so far."""
    ticks = 0
    for each in descendants(pid):
        # The name of the program, in parentheses, may hold spaces.
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def start(folder: Path, jobs: int) -> tuple[subprocess.Popen[str], int]:
    """A service on a free port, ready."""
    command = [sys.executable, "-m", "jpegmend", "serve", "--no-open", "--port", "0", "--jobs", str(jobs)]
    process = subprocess.Popen(
        [*command, "--folder", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "JPEGMEND_TOKEN": TOKEN},
    )
    assert process.stdout is not None
    port = int(process.stdout.readline().split(":")[2].split("/")[0])
    while httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code != 200:
        time.sleep(0.1)
    return process, port


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    bodies = make_bodies(given.requests)
    with tempfile.TemporaryDirectory() as place:
        process, port = start(Path(place, "jobs"), given.jobs)
        try:
            idle = processor(process.pid)
            found = asyncio.run(load(port, process.pid, deque(bodies), given.at_once))
            used = processor(process.pid) - idle
        finally:
            process.terminate()
            process.wait()
        folder = Path(place, "files")
        folder.mkdir()
        whole = [body for body, size in bodies if size is not None]
        for number, body in enumerate(whole):
            (folder / f"{number:04}.jpg").write_bytes(body)
        before, started = os.times(), time.perf_counter()
        command = [sys.executable, "-m", "jpegmend", str(folder), "-o", str(Path(place, "out"))]
        # As nice as the workers of the service, which would lose more to other programs of the machine.
        subprocess.run(["nice", "-n", str(_NICE), *command, "--jobs", str(given.jobs), "-q"], check=True)
        seconds, after = time.perf_counter() - started, os.times()
    by_command = after.children_user - before.children_user + after.children_system - before.children_system
    for name, value in found.items():
        print(f"{name:12} {value:8.3f}")
    service, command_speed = len(whole) / found["seconds"], len(whole) / seconds
    print(f"processor seconds a whole file: service {used / len(whole):.3f}, command {by_command / len(whole):.3f}")
    print(
        f"whole files a second: service {service:.2f}, command {command_speed:.2f}, ratio {service / command_speed:.2f}"
    )


if __name__ == "__main__":
    main()
