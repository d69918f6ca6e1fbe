"""Files that are never seen half-written: temporary name, fsync, rename."""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imaginable.core.errors import UserError


@contextmanager
def replacing(path: Path, previous: Path | None = None) -> Iterator[Path]:
    """Yields a temporary path beside `path`; on success it is synced and renamed onto `path`.

    previous: where the content before is kept, once the new one is safely on the disk.
    On any failure the temporary file is removed and `path` is as it was.
    Raises UserError when the disk is full or the folder cannot be written.
    """
    path = Path(path)
    # the suffix stays last, because writers such as Pillow and numpy choose the format by it; a long name is
    # shortened, because what is put around it must not make it longer than a name may be
    temporary = path.with_name(f".{path.stem[:40]}.{os.getpid()}.tmp{path.suffix}")
    with explained(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _sync(temporary)
            if previous and path.exists():
                _link(path, previous)
            temporary.replace(path)
            _sync_folder(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns the system's refusal to write into a UserError that says why."""
    try:
        yield
    except Exception as error:
        reason = _disk_reason(error)
        if reason:
            raise UserError(f"{path}: {reason}; what was saved before is unchanged") from error
        raise


def _link(path: Path, other: Path) -> None:
    """Makes `other` a second name of the file, or a copy where the file system has no links."""
    other.unlink(missing_ok=True)
    try:
        other.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, other)


def write_bytes(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    write_bytes(path, content.encode("utf-8"))


def sha256(path: Path) -> str:
    """Of the content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plain(name: str) -> str:
    """A person's name for something as the name of a file: letters, digits, - and _ of it."""
    kept = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)
    return kept.strip("-")[:60] or "unnamed"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # Windows cannot open folders
        _sync(folder)


def _disk_reason(error: BaseException) -> str | None:
    """Why the system refused to write, in plain words, or None when it was something else."""
    reasons = {
        errno.ENOSPC: "the disk is full, free some space",
        errno.EDQUOT: "your disk quota is used up, free some space",
        errno.EFBIG: "the file is larger than this disk or account allows",
        errno.EACCES: "no permission to write here",
        errno.EROFS: "the disk is read-only",
        errno.ENOTDIR: "a file stands where a folder is needed",
        errno.EISDIR: "a folder stands where a file is needed",
        errno.ENAMETOOLONG: "the name is too long for this disk",
        errno.EEXIST: "a file stands where a folder is needed",
    }
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in reasons:
            return reasons[seen.errno]
        # torch's zip writer and safetensors report a short write without an errno
        short_write = ("No space left", "file write failed", "unexpected pos")
        if isinstance(seen, Exception) and not isinstance(seen, OSError) and any(s in str(seen) for s in short_write):
            return reasons[errno.ENOSPC]
        seen = seen.__cause__ or seen.__context__
    return None
