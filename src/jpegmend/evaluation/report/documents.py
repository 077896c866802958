"""Fill the tables of the documentation from stored results.

A block stands between ``<!-- table:NAME -->`` and ``<!-- /table -->``. Stored results are the ``result.json`` of an
evaluation, and what ``jpegmend benchmark`` writes, copied into ``docs/results``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jpegmend.errors import InvalidOption, MissingData, NotReproducible
from jpegmend.evaluation.measure.environment import reproducible
from jpegmend.evaluation.measure.results import Result
from jpegmend.evaluation.report import benchmark_tables, distance, markdown, networks, paper_tables, rivals
from jpegmend.weights import PACKAGED

RESULTS = Path("docs/results")
# Markers count only on lines of their own; inside a sentence they are text.
_OPEN = re.compile(r"^<!-- table:[\w-]+ -->$", re.MULTILINE)
_BLOCK = re.compile(r"(^<!-- table:(?P<name>[\w-]+) -->\n)(?P<body>.*?)(^<!-- /table -->$)", re.DOTALL | re.MULTILINE)

Maker = Callable[[], str]


def results(paths: Iterable[Path]) -> list[Result]:
    """The evaluations among some JSON files or folders of them, by file name; benchmarks are left out.

    Raises:
        MissingData: a path is not there, or a file is neither.
    """
    named = list(paths)
    found = [Result.read(path) for path in _files(named) if "means" in _load(path)]
    kinds = {"means", *benchmark_tables.READERS}
    for path in named:
        if path.is_file() and not kinds & _load(path).keys():
            raise MissingData(f"{path} holds no result; give a result.json of 'jpegmend evaluate', or its folder")
    return found


def benchmarks(paths: Iterable[Path]) -> list[Mapping[str, Any]]:
    """The benchmarks among some JSON files or folders of them, by file name, which each has as ``file``."""
    return [
        found | {"file": path.stem}
        for path in _files(paths)
        if set(benchmark_tables.READERS) & (found := _load(path)).keys()
    ]


def check_commits(paths: Iterable[Path]) -> None:
    """Check that every result was made by committed code.

    Raises:
        NotReproducible: the message names them, and what to do.
    """
    commits = {path.name: str(_load(path).get("environment", {}).get("commit", "")) for path in _files(paths)}
    if wrong := [f"{name} ({commit or 'no commit'})" for name, commit in commits.items() if not reproducible(commit)]:
        raise NotReproducible(
            f"made with sources that were not committed: {', '.join(wrong)}; nothing can reproduce them: commit, "
            "measure again (python benchmarks/everything.py), then fill the documentation"
        )


def _files(paths: Iterable[Path]) -> list[Path]:
    found = []
    for path in paths:
        if not path.exists():
            raise MissingData(f"no results at {path}; make them by 'jpegmend evaluate ... --out {path}'")
        found += sorted(path.glob("*.json")) if path.is_dir() else [path]
    return [path for path in found if path.name != "protocol.json"]


def _load(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise MissingData(f"{path} cannot be read as JSON: {error}; make it again") from error
    return found if isinstance(found, dict) else {}


def makers(stored: Sequence[Result], measured: Sequence[Mapping[str, Any]]) -> dict[str, Maker]:
    """The functions that fill the blocks, by the blocks' names: a protocol, a benchmark such as ``speed``, or its file.

    ``PROTOCOL-scores`` is the long table; ``distance``, ``readme`` and ``reached-NETWORK`` are made of
    ``papers-gray``. ``rivals`` and ``models`` need no result: they are made of printed scores and of the cards.
    """
    found: dict[str, Maker] = {"rivals": rivals.rivals, "models": networks.table}
    by_protocol: dict[str, list[Result]] = {}
    for result in stored:
        by_protocol.setdefault(result.protocol.name, []).append(result)
    for name, group in by_protocol.items():
        # At high qualities the share of pictures that got worse matters, which only the long table has.
        short = gains if not name.startswith("do-no-harm") else scores
        found[name] = lambda group=group, short=short: short(group)  # type: ignore[misc]
        found[f"{name}-scores"] = lambda group=group: markdown.scores_table(group)  # type: ignore[misc]
    if "papers-gray" in found:
        found["distance"] = lambda: distance.table(stored)
        found["readme"] = lambda: rivals.readme(stored, measured)
        for network in {card.network for card in PACKAGED.values() if card.released}:
            found[f"reached-{network}"] = lambda network=network: distance.of_network(network, stored, measured)  # type: ignore[misc]
    for benchmark in measured:
        for key in benchmark_tables.READERS.keys() & benchmark.keys():
            # "colour" could be taken for the scores of colour pictures.
            name = "colour-shift" if key == "colour" else key
            read = partial(benchmark_tables.READERS[key], benchmark)
            found[name] = found[str(benchmark["file"])] = read
    return found


def gains(group: Sequence[Result]) -> str:
    """The table of PSNR and gain by quality, with lines on protocol, commit, machine and weights."""
    return f"{markdown.gains_table(group)}\n\n{_made(group)}"


def scores(group: Sequence[Result]) -> str:
    """The table of all scores and of pictures that got worse, with the same lines."""
    return f"{markdown.scores_table(group)}\n\n{_made(group)}"


def _made(group: Sequence[Result]) -> str:
    return "\n".join(f"<sub>{line}</sub>" for line in dict.fromkeys(markdown.provenance(result) for result in group))


def fill(text: str, blocks: Mapping[str, Maker]) -> str:
    """The text with its blocks replaced; a block without a stored result stays as it is.

    Raises:
        InvalidOption: a block has no end marker.

    >>> fill("<!-- table:speed -->\\nold\\n<!-- /table -->", {"speed": lambda: "new"})
    '<!-- table:speed -->\\nnew\\n<!-- /table -->'
    """
    if len(_OPEN.findall(text)) != len(_BLOCK.findall(text)) or any(
        _OPEN.search(m["body"]) for m in _BLOCK.finditer(text)
    ):
        raise InvalidOption("a '<!-- table:NAME -->' without its '<!-- /table -->' on a line below; close the block")

    def make(match: re.Match[str]) -> str:
        maker = blocks.get(match["name"])
        return f"{match[1]}{maker()}\n{match[4]}" if maker else match[0]

    return _BLOCK.sub(make, text)


def write(root: Path, *, allow_dirty: bool = False) -> list[Path]:
    """Write the blocks in README and docs, a page for each result in ``docs/results`` and one for each paper.

    Returns the files that changed.

    ``allow_dirty`` is for tests, which run before their code is committed.

    Raises:
        MissingData: ``root`` has no ``docs/results``.
        NotReproducible: a result was made with sources that were not committed.
        NotComparable: results that do not belong together were stored under one protocol's name.
    """
    folder = root / RESULTS
    if not allow_dirty:
        check_commits([folder])
    stored, measured = results([folder]), benchmarks([folder])
    blocks = makers(stored, measured)
    texts = {path: fill(path.read_text("utf-8"), blocks) for path in _pages(root)}
    texts |= {folder / f"{Path(result.source).stem}.md": page(result, folder) for result in stored}
    texts |= {folder / f"published-{paper}.md": text for paper, text in paper_tables.papers(stored).items()}
    return [path for path, text in texts.items() if _changed(path, text)]


def page(result: Result, folder: Path) -> str:
    """The page of one stored result, with its plot if that lies beside it."""
    name = Path(result.source).stem
    plot = f"\n![gain over the JPEG against quality]({name}.svg)\n" if (folder / f"{name}.svg").exists() else ""
    return markdown.report(result, []) + plot


def _pages(root: Path) -> list[Path]:
    """README and the pages below ``docs`` that are written by hand; those in ``docs/results`` are generated."""
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    return [page for page in pages if page.exists() and page.parent != root / RESULTS]


def _changed(path: Path, text: str) -> bool:
    if path.exists() and path.read_text("utf-8") == text:
        return False
    path.write_text(text, "utf-8")
    return True
