"""Data that is too bad to train on, refused with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from imaginable.core.errors import UserError
from imaginable.data.report import skipped_line

TOLERATED = 0.05
"""share of bad files up to which they are skipped (one bad file always is)"""


@contextmanager
def flagged(flag: str) -> Iterator[None]:
    """What is wrong with what a flag names begins with the flag."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{flag} {error}") from error


def stopped(where: str, name: str, why: str) -> UserError:
    """What --on-bad stop raises."""
    return UserError(f"{where}: {name} is unusable ({why}); repair or remove it, or use --on-bad skip")


def too_bad(where: str, skipped: Mapping[str, str], found: int) -> None:
    """Raises UserError when more than TOLERATED of the files found are skipped."""
    if len(skipped) == found:
        raise UserError(f"{where}: none of its {found} pictures is usable;\n{skipped_line(skipped, found)}")
    if len(skipped) > max(1.0, TOLERATED * found):
        raise UserError(
            f"{where}: more than {TOLERATED:.0%} is unusable, repair or remove them first;\n"
            f"{skipped_line(skipped, found)} ('imaginable check' lists them all)"
        )


def too_few(where: str, keys: Sequence[str], one: str = "picture") -> None:
    """Raises UserError when there are not two different items; keys: the content of each."""
    if len(keys) < 2:
        raise UserError(f"{where}: only {len(keys)} usable {one}; training needs at least 2, better 100")
    if len(set(keys)) < 2:
        raise UserError(f"{where}: all {len(keys)} {one}s are the same; training needs different ones")
