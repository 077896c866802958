"""Parquet tables of a job: the listing of a shard, and the results of its pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from jpegmend.errors import JobError, extra_needed

if TYPE_CHECKING:
    import pyarrow as pa

    from jpegmend.cluster.storage import Stored

DONE, FAILED, SET_ASIDE = "done", "failed", "set aside"
"""Outcomes of a picture; one that was set aside ended its worker, or took too long, several times."""

_PLAN, _HASH = b"jpegmend plan", b"jpegmend sha256"


class Result(NamedTuple):
    """Result of one picture."""

    row: int
    """Its row in the shard's listing, from 0."""
    key: str
    """The input, relative to the source."""
    output: str
    """The result, relative to the destination."""
    outcome: str
    """:data:`DONE`, :data:`FAILED` or :data:`SET_ASIDE`."""
    error: str | None = None
    """Name of the error's class."""
    message: str | None = None
    sha256: str | None = None
    """SHA-256 of the input."""
    output_sha256: str | None = None
    """SHA-256 of the result."""
    written: int | None = None
    """Bytes of the result."""
    megapixels: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Counts of results."""

    done: int
    failed: int
    set_aside: int
    written: int
    """Bytes of results."""
    megapixels: float
    seconds: float


def count(rows: Sequence[Result]) -> Counts:
    """The counts of some results."""
    outcomes = [row.outcome for row in rows]
    return Counts(
        done=outcomes.count(DONE),
        failed=outcomes.count(FAILED),
        set_aside=outcomes.count(SET_ASIDE),
        written=sum(row.written or 0 for row in rows),
        megapixels=sum(row.megapixels or 0 for row in rows),
        seconds=sum(row.seconds or 0 for row in rows),
    )


def shard_hash(rows: Sequence[Stored]) -> str:
    """SHA-256 of the rows of a shard, in hexadecimal."""
    whole = hashlib.sha256()
    for row in rows:
        whole.update(f"{row.key}\0{row.size}\0{row.etag}\n".encode())
    return whole.hexdigest()


def write_shard(rows: Sequence[Stored], plan: str) -> bytes:
    """The listing of a shard as Parquet: key, size, etag. ``plan`` marks the job that it belongs to."""
    pa = _pyarrow()
    schema = pa.schema([("key", pa.string()), ("size", pa.int64()), ("etag", pa.string())])
    marks = {_PLAN: plan.encode(), _HASH: shard_hash(rows).encode()}
    return _write(rows, schema.with_metadata(marks))


def read_shard(data: bytes, plan: str) -> list[Stored]:
    """The rows of a shard.

    Raises:
        JobError: the file is damaged, or belongs to another job.
    """
    from jpegmend.cluster.storage import Stored

    table = _read(data)
    marks = table.schema.metadata or {}
    rows = [Stored(**row) for row in table.to_pylist()]
    if marks.get(_PLAN) != plan.encode() or marks.get(_HASH) != shard_hash(rows).encode():
        raise JobError("a shard's listing is not the one that was planned; plan again, to another place")
    return rows


def write_results(rows: Sequence[Result]) -> bytes:
    """Results as Parquet, a column for each field of :class:`Result`."""
    pa = _pyarrow()
    kinds = {
        "row": pa.int32(),
        "written": pa.int64(),
        "megapixels": pa.float32(),
        "seconds": pa.float32(),
    }
    return _write(rows, pa.schema([(name, kinds.get(name, pa.string())) for name in Result._fields]))


def read_results(data: bytes) -> list[Result]:
    """The rows of a file of results.

    Raises:
        JobError: the file is damaged.
    """
    return [Result(**row) for row in _read(data).to_pylist()]


def _write(rows: Sequence[NamedTuple], schema: pa.Schema) -> bytes:
    pa = _pyarrow()
    from pyarrow import parquet

    buffer = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist([row._asdict() for row in rows], schema), buffer, compression="zstd")
    return bytes(buffer.getvalue())


def _read(data: bytes) -> Any:
    pa = _pyarrow()
    from pyarrow import parquet

    try:
        return parquet.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        raise JobError(f"a table of the job is damaged: {error}") from error


def _pyarrow() -> Any:
    with extra_needed("`jpegmend cluster`", "cluster"):
        import pyarrow
    return pyarrow
