"""One picture of a person's after the other, from a file, a folder or a zip into a folder, named after what they came
from: what `translate`, `upscale` and `inpaint` share."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from imaginable.apps._pictures import Say
from imaginable.apps._progress import Counter
from imaginable.apps._tiles import Advance
from imaginable.core import files
from imaginable.core.errors import RunFailed, UserError
from imaginable.data import images
from imaginable.data.dataset import DataOptions
from imaginable.data.decode import LARGEST, Unreadable, extensions
from imaginable.data.sources import open_source
from imaginable.data.whole import Whole, whole


@dataclass(frozen=True)
class Given:
    """A picture that was named, not yet read. name: relative to root, the folder it is in, where it has one."""

    name: str
    read: Callable[[], bytes | np.ndarray]
    root: Path | None = None

    @property
    def path(self) -> Path | None:
        return None if self.root is None else self.root / self.name

    def is_below(self, folder: Path) -> bool:
        """Whether it lies in a folder that itself lies in the one that was named."""
        if self.root is None or self.root.resolve() not in folder.resolve().parents:
            return False
        return is_below(self.root / self.name, folder)


@dataclass(frozen=True)
class Made:
    """What becomes of a picture: uint8 (h, w, 1 to 4). origin: which model made it, None where none had a part."""

    pixels: np.ndarray
    origin: str | None
    profile: bytes | None = None


Make = Callable[[Whole, str, Advance], Made]
"""of a picture and its name; raises Unreadable, in a few words, for one that it cannot take"""


@contextmanager
def opened(where: str) -> Iterator[list[Given]]:
    """All pictures of a file, a folder, a zip, an npz or a built-in. Raises UserError where there are none."""
    path = Path(where).expanduser()
    if path.is_file() and path.suffix.lower() in extensions():
        yield [Given(path.name, path.read_bytes, path.parent)]
        return
    with open_source(DataOptions(where)) as source:
        if source.points:
            raise UserError(f"{where}: these are points, no pictures")
        root = path if source.kind == "folder" else None
        yield [Given(item.name, partial(source.read, item), root) for item in source.items]


def each(given: Sequence[Given], out: Path, make: Make, say: Say, also_read: Sequence[Given] = ()) -> list[Path]:
    """Makes and writes one PNG of every picture; returns them. One that is bad is named and left out.

    Raises UserError before anything is written where a result would take the place of something that is read
    (`also_read`: the masks) or of a picture that is no earlier result, and RunFailed where every picture is bad.
    """
    given, targets = _targets(given, out, also_read, say)
    written: list[Path] = []
    fixes: Count[str] = Count()
    with _told(written, len(given), out, say), Counter(len(given), say) as counter:
        for number, (one, target) in enumerate(zip(given, targets, strict=True)):

            def advance(share: float, before: int = number) -> None:
                counter.show(before + share)

            try:
                picture = whole(one.read())
                made = make(picture, one.name, advance)
            except (Unreadable, OSError) as error:
                say(f"left out {one.name}: {error}")
                continue
            _write(target, made)
            written.append(target)
            fixes.update(picture.fixes)
            counter.show(number + 1)
    if not written:
        raise RunFailed(f"{_counted(len(given))} and none that could be used: nothing was written")
    if fixes:
        say(f"put right: {', '.join(f'{count} {fix}' for fix, count in fixes.items())}")
    left_out = f", {len(given) - len(written)} left out" if len(written) < len(given) else ""
    say(f"{len(written)} pictures in {out}{left_out}" if len(given) > 1 else f"written: {written[0]}")
    return written


@contextmanager
def _told(written: list[Path], wanted: int, out: Path, say: Say) -> Iterator[None]:
    """Whoever stops it hears how far it came."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"stopped: {len(written):,} of {_counted(wanted)} in {out}")
        raise


def targets_of(names: Sequence[str], out: Path) -> list[Path]:
    """Where each goes: its own name with the ending .png, added to its own where two would be the same."""
    stems = [str(PurePosixPath(name).with_suffix("")) for name in names]
    many = Count(stem.casefold() for stem in stems)  # some file systems do not tell A from a
    return [out / f"{name if many[stem.casefold()] > 1 else stem}.png" for name, stem in zip(names, stems, strict=True)]


def refuse_beyond(height: int, width: int) -> None:
    """Raises Unreadable for a result that could not be read again."""
    if height * width > LARGEST:
        raise Unreadable(
            f"the result would be {width}x{height}, more than {LARGEST // 1_000_000} million pixels; shrink it first"
        )


def _targets(given: Sequence[Given], out: Path, also_read: Sequence[Given], say: Say) -> tuple[list[Given], list[Path]]:
    if out.suffix.lower() in extensions() and not out.is_dir():
        raise UserError(f"--out {out}: the name of a folder was expected; files are named after what they are made of")
    if file := next((folder for folder in (out, *out.parents) if folder.is_file()), None):
        raise UserError(f"--out {out}: {file} is a file, and a folder was expected; give another name")
    kept = [one for one in given if not one.is_below(out)]
    if len(kept) < len(given):
        say(f"left out {_counted(len(given) - len(kept))} in {out}: taken for results from before")
    targets = targets_of([one.name for one in kept], out)
    read = {one.path.resolve() for one in (*kept, *also_read) if one.path is not None}
    for target in targets:
        if target.resolve() in read:
            raise UserError(f"--out {out}: {target} would be written, and it is read; give another folder")
    there = [target for target in targets if target.exists()]
    for target in there:
        if not is_ours(target):
            raise UserError(f"--out {out}: {target.name} is there and no result of imaginable; give another folder")
    if there:
        say(f"{len(there)} of {_counted(len(targets))} there from before, written anew: {out}")
    return kept, targets


def _write(target: Path, made: Made) -> None:
    files.write_bytes(target, png(made))


def png(made: Made) -> bytes:
    """The file. A copy says which program wrote it, and no more: it is not synthetic."""
    notes = {} if made.origin else {"Software": images.SOFTWARE}
    return images.png(made.pixels, made.origin, notes, made.profile)


def is_below(path: Path, folder: Path) -> bool:
    """Whether a file lies somewhere in a folder."""
    return folder.resolve() in path.resolve().parents


def is_ours(target: Path) -> bool:
    """Whether a picture says that this package wrote it."""
    try:
        return images.text_of(target, "Software") == images.SOFTWARE
    except UserError:
        return False


def _counted(number: int) -> str:
    return "1 picture" if number == 1 else f"{number:,} pictures"
