"""Errors a person can put right: one or two lines that name the file or flag and say what to do."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """The request was wrong, or the machine is in the way (a full disk): shown without a traceback, exit code 2."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`", did you mean X?"` for the known word nearest to `word`, or an empty string."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f", did you mean {found[0]!r}?" if found else ""


class RunFailed(Exception):
    """The request was right and the work failed all the same (training diverged): exit code 1."""
