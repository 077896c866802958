"""Results of evaluations: a row for each picture, means over each set, and their files."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from jpegmend.errors import MissingData
from jpegmend.evaluation.measure.degrade_and_score import PSNR_B, SSIM
from jpegmend.evaluation.measure.protocols import Protocol, check_comparable, method_label
from jpegmend.writing.atomic import write_bytes

RowKey = tuple[str, str, bool, str, str, str, str, str]
Group = tuple[str, bool, str, str]
"""Model, whether it is projected, set, and quality: the rows of one mean."""
METRICS = ("psnr", *(f"ssim:{name}" for name in SSIM), *(f"psnr_b:{name}" for name in PSNR_B))


@dataclass(frozen=True, kw_only=True)
class Row:
    """Scores of one model on one picture at one quality; PSNR and PSNR-B in dB."""

    model: str
    weights: str
    """First 12 digits of the sha256 of the weights."""
    method: str
    """Digits of a checksum of the weights and of how the card runs them; rows of others are not reused."""
    consistent: bool
    data_set: str
    image: str
    picture: str
    """First 12 digits of the sha256 of the picture's files; rows of other pictures are not reused."""
    code: str
    """The version, commit and later changes that measured it; rows of other code are not reused."""
    quality: str
    width: int
    height: int
    jpeg_bytes: int
    seconds: float
    """Time of ``restore``, decoding included."""
    workers: int
    """Number of processes beside one another in which it was measured."""
    jpeg_psnr: float
    """PSNR of the JPEG as libjpeg decodes it."""
    jpeg_psnr_b: float
    """PSNR-B of the same, by the variant ``true``."""
    scores: Mapping[str, float]
    """Scores by the names of ``METRICS``."""

    @property
    def key(self) -> RowKey:
        """The values that identify a measurement: rows with equal keys are the same one."""
        method = (self.model, self.method, self.consistent)
        return (*method, self.data_set, self.image, self.picture, self.code, self.quality)

    @property
    def group(self) -> Group:
        """The mean that it is part of."""
        return self.model, self.consistent, self.data_set, self.quality

    @property
    def gain(self) -> float:
        """PSNR over the JPEG's, dB; 0 where both are exact."""
        return difference(self.scores["psnr"], self.jpeg_psnr)

    @property
    def label(self) -> str:
        """Model and projection in words, as in tables."""
        return method_label(self.model, consistent=self.consistent)

    def flat(self) -> dict[str, Any]:
        """The values of a line of a CSV file, the scores as columns of their own."""
        values = {name: getattr(self, name) for name in _PLAIN}
        return {**values, **self.scores}


_PLAIN = [each.name for each in fields(Row) if each.name != "scores"]
COLUMNS = [*_PLAIN, *METRICS]


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV file; left out are a line that was cut off by an interruption, and rows of other columns."""
    if not path.exists():
        return []
    text = path.read_bytes().decode("utf-8", "replace")
    # What follows the last end of a line was cut off, perhaps within its last number.
    reader = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1], newline=""))
    if reader.fieldnames != COLUMNS:
        return []
    return [_row(found) for found in reader if None not in found.values() and all(found.values())]


def _row(found: Mapping[str, str]) -> Row:
    numbers: dict[str, Any] = {name: float(found[name]) for name in ("seconds", "jpeg_psnr", "jpeg_psnr_b")}
    counts: dict[str, Any] = {name: int(found[name]) for name in ("width", "height", "jpeg_bytes", "workers")}
    texts: dict[str, Any] = {
        name: found[name] for name in ("model", "method", "data_set", "image", "picture", "code", "quality")
    }
    return Row(
        **texts,
        **counts,
        **numbers,
        weights="" if found["weights"] == "-" else found["weights"],
        consistent=found["consistent"] == "True",
        scores={name: float(found[name]) for name in METRICS},
    )


def write_rows(path: Path, rows: Iterable[Row], *, append: bool = False) -> None:
    """Write rows as CSV; with ``append`` to the end of a file that has its header."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, COLUMNS)
    if not append:
        writer.writeheader()
    writer.writerows({**row.flat(), "weights": row.weights or "-"} for row in rows)
    if append:
        with path.open("a", newline="", encoding="utf-8") as file:
            file.write(stream.getvalue())
    else:
        # The rows of hours: a run that is stopped here must not lose them.
        write_bytes(path, stream.getvalue().encode())


@dataclass(frozen=True, kw_only=True)
class Mean:
    """Means over the pictures of a set, for one model at one quality."""

    model: str
    consistent: bool
    data_set: str
    quality: str
    pictures: int
    scores: Mapping[str, float]
    gain: float
    """IPSNR: mean PSNR over that of the JPEG as libjpeg decodes it, dB."""
    worse: float
    """Share of pictures whose PSNR fell below the JPEG's by more than 0.005 dB, 0..1."""
    seconds_per_megapixel: float
    """Time of ``restore``, decoding included: all seconds over all megapixels."""

    @property
    def group(self) -> Group:
        """Model, projection, set and quality, as of the rows it is made from."""
        return self.model, self.consistent, self.data_set, self.quality

    @property
    def label(self) -> str:
        """Model and projection in words, as in tables."""
        return method_label(self.model, consistent=self.consistent)


def means(rows: Sequence[Row]) -> list[Mean]:
    """Means by model, set and quality, in the order in which they first come."""
    groups: dict[Group, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    return [_mean(*key, group) for key, group in groups.items()]


def _mean(model: str, consistent: bool, data_set: str, quality: str, rows: list[Row]) -> Mean:
    count = len(rows)
    gains = [row.gain for row in rows]
    return Mean(
        model=model,
        consistent=consistent,
        data_set=data_set,
        quality=quality,
        pictures=count,
        scores={name: math.fsum(row.scores[name] for row in rows) / count for name in METRICS},
        gain=sum(gains) / count,
        worse=sum(gain < -0.005 for gain in gains) / count,
        seconds_per_megapixel=1e6 * sum(row.seconds for row in rows) / sum(row.width * row.height for row in rows),
    )


def difference(a: float, b: float) -> float:
    """``a - b``, and 0 for two infinite scores (both pictures equal the original)."""
    return 0.0 if a == b else a - b


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of one evaluation: protocol, environment, weights, and means."""

    protocol: Protocol
    environment: Mapping[str, Any]
    models: Mapping[str, Mapping[str, Any]]
    """For each model: network, sha256 of its weights, parameters, multiply-adds a pixel, how it was trained."""
    means: tuple[Mean, ...]
    source: str = field(default="", compare=False)
    """Name of the file it was read from."""

    def save(self, path: Path) -> None:
        """Write as JSON; infinity and NaN become null."""
        found = {
            "protocol": self.protocol.to_json(),
            "environment": dict(self.environment),
            "models": {name: dict(facts) for name, facts in self.models.items()},
            "means": [asdict(mean) for mean in self.means],
        }
        write_bytes(path, f"{json.dumps(_finite(found), indent=1)}\n".encode())

    @classmethod
    def read(cls, path: Path) -> Result:
        """The inverse of ``save``.

        Raises:
            MissingData: the file is not there, or not one that ``save`` wrote.
        """
        try:
            found = json.loads(path.read_text("utf-8"))
            rows = tuple(
                Mean(**{**row, "scores": _numbers(row["scores"]), **_numbers({"gain": row["gain"]})})
                for row in found["means"]
            )
            protocol = Protocol.from_json(found["protocol"])
            return cls(
                protocol=protocol,
                environment=found["environment"],
                models=found["models"],
                means=rows,
                source=path.name,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            why = getattr(error, "strerror", None) or (f"no key {error}" if isinstance(error, KeyError) else error)
            raise MissingData(f"no result of 'jpegmend evaluate' in {path}: {why}; evaluate again") from error


def merge(results: Iterable[Result]) -> list[Mean]:
    """The means of several results for one table; of two means of the same measurement the later one counts.

    Raises:
        NotComparable: their protocols differ.
    """
    listed = list(results)
    check_comparable(result.protocol for result in listed)
    found = {m.group: m for result in listed for m in result.means}
    return list(found.values())


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def _numbers(scores: Mapping[str, float | None]) -> dict[str, float]:
    """Scores with null as NaN."""
    return {name: math.nan if value is None else value for name, value in scores.items()}


def card_scores(path: Path, name: str) -> list[dict[str, Any]]:
    """Mean PSNR of the weights called ``name`` in a stored result, projection off, for their card.

    Raises:
        MissingData: no result is stored there, or nothing of these weights in it.
    """
    result = Result.read(path)
    rows = [
        {
            "protocol": f"{result.protocol.name}, projection off",
            "data_set": mean.data_set,
            "quality": int(mean.quality) if mean.quality.isdigit() else mean.quality,
            "psnr_db": round(mean.scores["psnr"], 2),
        }
        for mean in result.means
        if mean.model == name and not mean.consistent and math.isfinite(mean.scores["psnr"])
    ]
    if not rows:
        raise MissingData(f"{path}: nothing of {name!r} with the projection off; it has {', '.join(result.models)}")
    return rows


def scored_weights(path: Path, name: str) -> str:
    """sha256 of the weights called ``name`` in a stored result: of the ONNX file, or of the only file they have.

    Raises:
        MissingData: no result is stored there, or it does not state the weights.
    """
    found = str(Result.read(path).models.get(name, {}).get("sha256", ""))
    if not found:
        raise MissingData(f"{path} does not state the sha256 of the weights of {name!r}; evaluate them again")
    return found
