"""Names of results: beside the input, in a folder, or a single given file."""

from __future__ import annotations

import os
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from jpegmend.batch.find import STANDARD, Found
from jpegmend.errors import InvalidOption
from jpegmend.formats import WRITTEN, WRITTEN_SUFFIXES

FIELDS = ("stem", "name", "suffix", "model", "quality")
"""Fields of a template."""


@dataclass(frozen=True)
class Place:
    """Output location of a run."""

    folder: Path | None
    """The folder of all results; None: beside each input."""
    file: Path | None
    """The single output file, or :data:`STANDARD`; None: the template names each result."""
    format: str


def find_place(pictures: Sequence[Found], output: str | None, format: str | None, default: str = "png") -> Place:
    """The output location of a run, which does not depend on the number of pictures found.

    ``output`` is a folder if it exists as one, ends in ``/`` or has no suffix, or if a folder or a pattern was given as
    input. Only for a single given file may it be a file. ``default`` is the format where nothing names one.

    Raises:
        InvalidOption: an empty output or one that is a suffix alone, several inputs for one file, or a suffix that
            cannot be written or is that of another format than ``format``.
    """
    if output == "":
        raise InvalidOption("-o '': an empty name; a variable of the shell may be empty")
    if output is not None and not output.endswith(("/", os.sep)) and PurePath(output).name.lower() in WRITTEN_SUFFIXES:
        raise InvalidOption(
            f"-o {output}: a suffix without a name; a variable of the shell may be empty; end the name of a folder in /"
        )
    several = len(pictures) > 1 or not pictures[0].named
    if output is None:
        standard = pictures[0].path == STANDARD and len(pictures) == 1
        return Place(None, STANDARD if standard else None, format or default)
    if output in ("-", "/dev/stdout"):
        if several:
            raise InvalidOption(f"-o {output}: standard output takes the result of a single file; give a folder")
        return Place(None, STANDARD, format or default)
    suffix = PurePath(output).suffix.lower()
    if is_folder(output) or (suffix not in WRITTEN_SUFFIXES and not all(picture.named for picture in pictures)):
        return Place(Path(output), None, format or default)
    if several:
        raise InvalidOption(f"-o {output}: this names one file, for several; give a folder, ending in /")
    if format is not None and WRITTEN_SUFFIXES.get(suffix, format) != format:
        raise InvalidOption(f"-o {output} names a {WRITTEN_SUFFIXES[suffix]} file, --format {format}; give one")
    if format is None and suffix not in WRITTEN_SUFFIXES:
        known = ", ".join(WRITTEN_SUFFIXES)
        raise InvalidOption(
            f"-o {output}: cannot write {suffix or 'a file without suffix'}; use {known}, or give --format"
        )
    return Place(None, Path(output), format or WRITTEN_SUFFIXES[suffix])


def is_folder(output: str) -> bool:
    """Whether an output is a folder: it ends in a separator, exists as one, or has no suffix and is no file yet."""
    if output.endswith(("/", os.sep)) or os.path.isdir(output):
        return True
    return not PurePath(output).suffix and not os.path.lexists(output)


@dataclass(frozen=True)
class Template:
    """Template for names of results: text with ``{stem}``, ``{name}``, ``{suffix}``, ``{model}``, ``{quality}``.

    Without a text the result of ``photo.jpg`` is ``photo.restored.png``; that of any other file keeps the whole name,
    ``photo.png.restored.png``, so that names do not depend on other files of the folder. ``word`` takes the place of
    ``restored`` there.

    Raises:
        InvalidOption: an unknown field, no suffix, an absolute path, or one that leaves the folder.
    """

    text: str | None = None
    word: str = "restored"

    def __post_init__(self) -> None:
        if self.text is None:
            return
        try:
            parts = list(string.Formatter().parse(self.text))
        except ValueError as error:
            raise InvalidOption(f"--name {self.text!r}: {error}; fields are written {{stem}}") from error
        for _, field, form, conversion in parts:
            if field is not None and (field not in FIELDS or form or conversion):
                known = ", ".join(f"{{{name}}}" for name in FIELDS)
                written = f"{field}{'!' + conversion if conversion else ''}{':' + form if form else ''}"
                raise InvalidOption(f"--name {self.text!r}: no field {{{written}}}; there are {known}")
        if not any(field in ("stem", "name") for _, field, _, _ in parts):
            raise InvalidOption(f"--name {self.text!r}: all results would have one name; put {{stem}} in it")
        if not self.text.endswith("{suffix}") and self.format is None:
            known = ", ".join(WRITTEN_SUFFIXES)
            raise InvalidOption(f"--name {self.text!r}: it must end in {{suffix}} or in one of {known}")
        place = PurePath(self.text)
        # On Windows a path with a drive or a root alone leaves the folder too.
        if place.anchor or ".." in place.parts or self.text.endswith(("/", os.sep)):
            raise InvalidOption(f"--name {self.text!r}: give a name below the output folder; -o names the folder")

    @property
    def format(self) -> str | None:
        """The format that a suffix at the template's end names."""
        return WRITTEN_SUFFIXES.get(PurePath(self.text or "").suffix.lower())

    @property
    def needs_quality(self) -> bool:
        """Whether the name depends on the quality in the file's header."""
        return self.text is not None and "{quality}" in self.text

    def fill(self, file: PurePath, suffix: str, model: str, quality: str) -> PurePath:
        """The result's path below its folder.

        >>> Template().fill(PurePath("a.JPG"), ".png", "mend-s", "10").name
        'a.restored.png'
        >>> Template("{model}/{stem}{suffix}").fill(PurePath("a.JPG"), ".png", "mend-s", "10").parts
        ('mend-s', 'a.png')
        """
        text = self.text
        if text is None:
            text = f"{'{stem}' if file.suffix.lower() == '.jpg' else '{name}'}.{self.word}{{suffix}}"
        filled = text.format(stem=file.stem, name=file.name, suffix=suffix, model=model, quality=quality)
        return PurePath(filled)


def name_of(file: Path) -> PurePath:
    """The name after which a result is called: that of the file, or ``stdin.jpg`` for standard input."""
    return PurePath("stdin.jpg" if file == STANDARD else file.name)


def target_of(picture: Found, place: Place, template: Template, model: str, quality: str) -> Path:
    """The path of the result of one picture."""
    if place.file is not None:
        return place.file
    named = template.fill(name_of(picture.path), WRITTEN[place.format].suffixes[0], PurePath(model).name, quality)
    if place.folder is not None:
        return place.folder / picture.below.parent / named
    return Path(named) if picture.path == STANDARD else picture.path.parent / named
