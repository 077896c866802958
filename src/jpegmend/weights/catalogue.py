"""Released and adopted networks by name, and the verified paths of their weights."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from jpegmend.errors import InvalidOption, ModelRefused, UnknownModel, WeightsDamaged, WeightsMissing
from jpegmend.weights.card import Card, read_card

DEFAULT = "mend-s"
"""The network that is used when none is named."""

OPENED = (".onnx", ".safetensors")
"""Suffixes of files of weights that are opened."""
PICKLED = (".pth", ".pt", ".ckpt", ".bin", ".pkl")
"""Suffixes of PyTorch's pickled files, which are not opened."""
CONVERSION = (
    'python -c "import sys, torch; from safetensors.torch import save_file; source, target = sys.argv[1:]; '
    "d = torch.load(source, map_location='cpu', weights_only=True); "
    "d = next((d[k] for k in ('params_ema', 'params', 'state_dict', 'model') if k in d), d); "
    'save_file({k: v.detach().clone() for k, v in d.items() if torch.is_tensor(v)}, target)" '
)
"""The command that a user runs on a pickled file that he trusts; two paths follow."""

CARDS = Path(__file__).parent / "cards"


class Catalogue(Mapping[str, Card]):
    """Cards by name, in alphabetical order; a card is read when it is first asked for.

    Iterating and ``in`` use file names only, so listing the models reads no card. ``folder`` is that of the cards; of
    ``more``, which is called each time, a folder whose cards follow, unless the first has their names.
    """

    def __init__(self, folder: Path, more: Callable[[], Path] | None = None) -> None:
        self._folder = folder
        self._more = more
        self._read: dict[Path, tuple[int, Card]] = {}

    def __getitem__(self, name: str) -> Card:
        file = self._files().get(name)
        if file is None:
            raise KeyError(name)
        return self._card(file)

    def _card(self, file: Path) -> Card:
        try:
            changed = file.stat().st_mtime_ns
        except OSError:
            return read_card(file)  # tells why it cannot be read
        if self._read.get(file, (0,))[0] != changed:
            self._read[file] = changed, read_card(file)
        return self._read[file][1]

    def readable(self) -> Iterator[Card]:
        """Every card that can be read; the folders are listed once."""
        for file in self._files().values():
            with contextlib.suppress(WeightsDamaged):
                yield self._card(file)

    def __contains__(self, name: object) -> bool:
        return name in self._files()

    def __iter__(self) -> Iterator[str]:
        return iter(self._files())

    def __len__(self) -> int:
        return len(self._files())

    def __repr__(self) -> str:
        return f"<{len(self)} networks: {', '.join(self)}>"

    def _files(self) -> dict[str, Path]:
        """The files of the cards by name."""
        found = _by_name(self._folder)
        more = _by_name(self._more()) if self._more else {}
        return found | {name: file for name, file in more.items() if name not in found}


def _by_name(folder: Path) -> dict[str, Path]:
    """The files of the cards of a folder, in the order of their names; with suffixes cqr-c would stand before cqr."""
    return {file.stem: file for file in sorted(folder.glob("*.json"), key=lambda file: file.stem)}


def user_folder() -> Path:
    """The folder of adopted networks: ``$JPEGMEND_MODELS``, else ``jpegmend/models`` where the platform keeps data."""
    if given := os.environ.get("JPEGMEND_MODELS"):
        return Path(given)
    home = Path(os.path.expanduser("~"))  # Path.home() raises for a user without a home
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "jpegmend" / "models"


PACKAGED: Mapping[str, Card] = Catalogue(CARDS)
"""The networks of this package with a card, by name: those that tables of the documentation list."""
MODELS: Catalogue = Catalogue(CARDS, user_folder)
"""Every network with a card, by name: those of this package, then those that the user adopted."""


def is_file_of_others(name: str | Path | Card) -> bool:
    """Whether ``find`` takes this for the path of a file of weights."""
    return not isinstance(name, Card) and Path(name).suffix.lower() in (*OPENED, *PICKLED)


def find(name: str | Path | Card) -> Card:
    """The card for a name of the catalogue, for the path of a card (``.json``), or the card itself.

    For the path of a network of others (``.onnx``, ``.safetensors``): the card of the catalogue with the same
    checksum, else a card that is measured now, which takes some seconds (``jpegmend.adoption``).

    Raises:
        UnknownModel: no such name; the message lists the names there are.
        WeightsDamaged: the card cannot be read.
        ModelRefused: a file that is not opened, or that is no network that restores.
    """
    if isinstance(name, Card):
        return name
    if not isinstance(name, str | Path):
        raise UnknownModel(f"model {name!r}; give the name of a network, the path of a card, or a card")
    if is_file_of_others(name):
        return _find_file(Path(name))
    if isinstance(name, Path) or name.endswith(".json"):
        return read_card(name)
    card = MODELS.get(name)
    if card is None:
        raise UnknownModel(
            f"no model {name!r}{_hint(name)}; there are: {', '.join(MODELS) or 'none'}; or give the path of a card, "
            "NAME.json, or of a network, NAME.onnx or NAME.safetensors"
        )
    return card


def _hint(name: str) -> str:
    near = difflib.get_close_matches(name, list(MODELS), 1)
    return f", did you mean {near[0]}?" if near else ""


def _find_file(file: Path) -> Card:
    """The card for a file of weights."""
    refuse_pickles(file)
    if not os.path.isfile(file):  # Path.is_file raises OSError for a name that is too long
        raise UnknownModel(f"no file {file}; give the path of a network, or a name: {', '.join(MODELS)}")
    if (card := _card_beside(file)) or (card := adopted(file)):
        return card
    # The one import of a later subpackage here: a network is measured by running it.
    from jpegmend.adoption import measured_card

    return measured_card(file)


def refuse_pickles(file: Path) -> None:
    """Refuse pickled files, which run code when they are opened."""
    if file.suffix.lower() in PICKLED:
        raise ModelRefused(
            f"{file.name} is a pickle, which can run any program when it is opened, so it is not. If you trust it, "
            f"convert it once:\n{CONVERSION}{file} {file.with_suffix('.safetensors')}\n"
            "and give the .safetensors (it needs jpegmend[spandrel])"
        )


def _card_beside(file: Path) -> Card | None:
    """The card of the same name beside a file, if it names this file; ``path`` verifies the checksum."""
    beside = file.with_suffix(".json")
    if not beside.is_file():
        return None
    try:
        card = read_card(beside)
    except WeightsDamaged:  # some other JSON file
        return None
    return card if any(entry.get("file") == file.name for entry in card.files.values()) else None


def adopted(file: Path) -> Card | None:
    """The card of the catalogue whose weights are equal to this file, by size and checksum; None without one."""
    state = file.stat()
    for card in MODELS.readable():
        for entry in card.files.values():
            known = card.folder / entry["file"]
            if known.is_file() and known.stat().st_size == state.st_size and checksum(file) == entry["sha256"]:
                return card
    return None


def path(card: Card, kind: str) -> Path:
    """The weights file of a card, its checksum verified; ``kind`` is ``onnx`` or ``safetensors``.

    Raises:
        WeightsMissing: not released, or not in this form.
        WeightsDamaged: the file is gone, or its sha256 is not the card's.
    """
    if not card.released:
        raise WeightsMissing(f"the weights of {card.name!r} are not released yet; {_instead(card)}")
    if kind not in card.files:
        forms = ", ".join(card.files) or "no file at all"
        others = ", ".join(other.name for other in MODELS.readable() if kind in other.files) or "no network"
        raise WeightsMissing(f"{card.name!r} has no {kind} weights; it has {forms}; networks with {kind}: {others}")
    entry = card.files[kind]
    file = card.folder / entry["file"]
    again = "adopt it again" if card.foreign else "install again"
    if not card.foreign and card.folder != CARDS:
        again = f"put the {entry['file']} that was written with its card beside it, or release it again"
    try:
        found = checksum(file)
    except OSError as error:
        why = f"{file}: {error.strerror or error}"
        raise WeightsDamaged(f"the weights of {card.name!r} cannot be read: {why}; {again}") from error
    if found != entry["sha256"]:
        raise WeightsDamaged(
            f"{file.name} has sha256 {found}, its card says {entry['sha256']}; "
            f"the file was changed or cut short: {again}"
        )
    return file


def _instead(card: Card) -> str:
    """What to do about a network without weights: one of its kind or another, or to train it."""
    fit = [other for other in PACKAGED.values() if other.released and other.scale == card.scale]
    alike = [other for other in fit if other.network == card.network]
    names = ", ".join(other.name for other in alike or fit) or "none"
    advice = f"released {f'of network {card.network}' if alike else 'are'}: {names}"
    return f"{advice}; {card.recipe} trains it (docs/training.md)" if card.recipe else advice


def check_name(name: str) -> None:
    """Refuse names of networks that are no file names, or that mean something else; raises ``InvalidOption``."""
    if not _NAME.fullmatch(name) or name == "jpeg":
        raise InvalidOption(f"name {name!r}; letters, digits and . _ + - are allowed, and not 'jpeg'")
    if name.lower().endswith((".json", *OPENED, *PICKLED)):
        raise InvalidOption(f"name {name!r} would be taken for a file; leave {Path(name).suffix} out")


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def checksum(file: Path) -> str:
    """SHA-256 of a file in hexadecimal, cached by its size and time; raises ``OSError``."""
    state = file.stat()
    return _sha256(file, state.st_size, state.st_mtime_ns)


def file_entry(file: Path) -> dict[str, str]:
    """The entry of a weights file in ``Card.files``: its name beside the card, and its checksum."""
    return {"file": file.name, "sha256": checksum(file)}


@lru_cache(maxsize=64)
def _sha256(file: Path, size: int, changed: int) -> str:
    """SHA-256 of a file, cached; size and time are in the key, so that a replaced file is hashed again."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
