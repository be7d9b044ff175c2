"""Tracebacks: the frames of the site's own code first and open, those of libraries folded by package."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_PLACE = re.compile(r'^\s*(?:\|\s*)*File "(?P<file>.*)", line (?P<line>\d+)(?:, in (?P<name>.*))?$')
_LIBRARY = re.compile(
    r"/(?:site-packages|dist-packages)/(?P<installed>[^/]+)"
    r"|/lib(?:64)?/python3[^/]*/(?!site-packages|dist-packages)(?P<standard>[^/]+)"
    r"|^<frozen (?P<frozen>[^>]+)>"
)
_HEADS = ("Traceback (most recent call last)", "Exception Group Traceback")


@dataclass(frozen=True, slots=True)
class Frame:
    """One place on the way; `lines` are its source, the last of which was being run. `package` is a library's."""

    file: str
    line: int
    name: str
    lines: list[str] = field(default_factory=list)
    package: str = ""

    @property
    def short(self) -> str:
        """The end of its path, long enough to know the file by."""
        return "/".join(self.file.split("/")[-3:])


@dataclass(frozen=True, slots=True)
class Fold:
    """The frames in one library, in one line."""

    package: str
    frames: list[Frame]


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception: the site's own frames, those that ran last first, then those of libraries."""

    said: str
    own: list[Frame]
    libraries: list[Fold]


@dataclass(frozen=True, slots=True)
class Traceback:
    """What was raised, then what led to it; `text` is the whole as Python wrote it."""

    raised: list[Raised]
    text: list[str]


def frames(traceback: str) -> Traceback | None:
    """Read a traceback; None where there is none. What cannot be read is in `text` all the same."""
    lines = traceback.rstrip().splitlines()
    if not lines:
        return None
    return Traceback(
        [_raised(part) for part in reversed(_parts(lines))], [line or " " for line in lines]
    )


def _parts(lines: list[str]) -> list[list[str]]:
    """Cut where one exception ends and the one that followed from it begins."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.strip(" |+-").startswith(_HEADS) and parts[-1]:
            parts.append([])
        parts[-1].append(line)
    return [part for part in parts if any(_PLACE.match(line) for line in part)]


def _raised(lines: list[str]) -> Raised:
    found: list[Frame] = []
    said: list[str] = []
    for line in lines:
        place = _PLACE.match(line)
        if place:
            found.append(_frame(place))
            said = []
        elif found and line.startswith("  ") and not said:
            if line.strip("|^~ "):
                found[-1].lines.append(line.removeprefix("    "))
        elif found and line.strip() and not line.startswith(" "):
            said.append(line)
    text = next((line for line in said if not line.endswith(":")), "")
    ran = list(reversed(found))
    return Raised(text, [frame for frame in ran if not frame.package], _folded(ran))


def _frame(place: re.Match[str]) -> Frame:
    file = place["file"]
    library = _LIBRARY.search(file)
    package = next((name for name in library.groups() if name), "") if library else ""
    return Frame(file, int(place["line"]), place["name"] or "", package=package.removesuffix(".py"))


def _folded(ran: list[Frame]) -> list[Fold]:
    packages: dict[str, list[Frame]] = {}
    for frame in ran:
        if frame.package:
            packages.setdefault(frame.package, []).append(frame)
    return [Fold(name, frames) for name, frames in packages.items()]
