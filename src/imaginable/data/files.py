"""Sources that are files: a folder or a zip of pictures. Nothing of a zip is ever written to disk."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from imaginable.core.errors import UserError
from imaginable.data.decode import Unreadable, extensions
from imaginable.data.items import Item, Source, SourceKind
from imaginable.data.layout import in_order, is_clutter, places
from imaginable.data.tables import TABLES, encode_factors, read_tables

LARGEST_FILE = 500_000_000
"""bytes; a picture's file beyond this is not read"""


def open_folder(root: Path, where: str) -> Source:
    names = sorted(_walk(root))

    def read(name: str) -> bytes:
        return _read_file(root / name)

    return _from_files("folder", where, names, lambda position: read(names[position]))


def _walk(root: Path) -> Iterator[str]:
    """Relative paths, with forward slashes, of all files below `root` that are not clutter."""
    seen = set()
    # links are followed, because large sets are often linked into place; each folder once
    for folder, folders, files in os.walk(root, followlinks=True):
        seen.add(os.path.realpath(folder))
        relative = Path(folder).relative_to(root)
        folders[:] = [name for name in sorted(folders) if os.path.realpath(Path(folder) / name) not in seen]
        yield from (name for file in files if not is_clutter(name := (relative / file).as_posix()))


def _read_file(path: Path) -> bytes:
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise Unreadable("not a regular file")
        if facts.st_size > LARGEST_FILE:
            raise Unreadable(f"larger than {LARGEST_FILE // 1_000_000} MB")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror.lower() if error.strerror else "cannot be read") from error


def open_zip(path: Path, where: str) -> Source:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise UserError(f"{where}: not a readable zip ({error}); download or pack it again") from error
    try:
        return _from_archive(archive, where)
    except BaseException:
        archive.close()
        raise


def _from_archive(archive: zipfile.ZipFile, where: str) -> Source:
    members = {info.filename.replace("\\", "/").lstrip("/"): info for info in archive.infolist() if not info.is_dir()}
    members = {name: info for name, info in sorted(members.items()) if not is_clutter(name)}
    if any(info.flag_bits & 1 for info in members.values()):
        raise UserError(f"{where}: this zip is encrypted; unpack it and give the folder")
    infos = list(members.values())

    def read(position: int) -> bytes:
        if infos[position].file_size > LARGEST_FILE:
            raise Unreadable(f"larger than {LARGEST_FILE // 1_000_000} MB")
        try:
            return archive.read(infos[position])
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            raise Unreadable("damaged inside the zip") from error

    return replace(_from_files("zip", where, list(members), read), close=archive.close)


def _from_files(kind: SourceKind, where: str, names: list[str], read: Callable[[int], bytes]) -> Source:
    """A source of the files `names`; `read` gives the content of the file at a position in `names`."""
    positions = {name: position for position, name in enumerate(names)}
    pictures = [name for name in names if PurePosixPath(name).suffix.lower() in extensions()]
    tables = tuple(name for name in names if PurePosixPath(name).name.lower() in TABLES)
    others = Counter(PurePosixPath(name).suffix.lower() for name in set(names) - set(pictures) - set(tables))
    if not pictures:
        raise UserError(_no_pictures(where, others, bool(tables)))
    try:
        rows = read_tables({name: read(positions[name]) for name in tables}, pictures, where)
    except Unreadable as error:
        raise UserError(f"{where}: {' or '.join(tables)} cannot be read ({error})") from error
    factors = encode_factors(rows.columns, pictures)
    items = tuple(
        Item(name, positions[name], rows.splits.get(name, split), rows.labels.get(name, label), numbers)
        for name, (split, label), numbers in zip(pictures, places(pictures), factors.rows, strict=True)
    )
    return Source(
        kind=kind,
        where=where,
        items=items,
        read=lambda item: read(item.position),
        classes=in_order(item.label for item in items if item.label is not None),
        factors=factors.names,
        factor_values=factors.values,
        tables=tables,
        others=others,
        notes=(*rows.notes, *factors.notes),
    )


def _no_pictures(where: str, others: Counter[str], tables: bool) -> str:
    found = [f"{count} {ending or 'without ending'}" for ending, count in others.most_common(4)]
    if tables:
        found.append("a table of labels")
    if not found:
        return f"{where}: this is empty; put your pictures there, or give another folder"
    readable = "png, jpg, webp, bmp, gif, tif"
    return f"{where}: no pictures here, only {', '.join(found)};\ngive a folder with pictures ({readable} ...)"
