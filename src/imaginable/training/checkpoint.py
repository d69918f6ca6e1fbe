"""The file a run resumes from. Two are kept: the last and the one before, should the last be damaged."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from imaginable.core import files
from imaginable.core.errors import UserError

FORMAT = 2
_MAGIC = b"imaginable checkpoint\n"
_DIGEST = 32


def save(path: Path, state: dict[str, Any]) -> None:
    """Writes `state`, keeping the file before as `*.previous`. On a full disk both stay as they were."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    content = buffer.getbuffer()
    with files.replacing(path, previous(path)) as temporary, temporary.open("wb") as file:
        # the digest finds what the zip format lets pass: a flipped bit in a weight
        file.write(_MAGIC + hashlib.sha256(content).digest())
        file.write(content)


def previous(path: Path) -> Path:
    return path.with_suffix(".previous")


def load(path: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """The state in `path`, or of the one before where it is damaged (and `say` tells).

    Raises UserError when there is none, both are damaged, or it is of another version.
    """
    reasons: list[str] = []
    for candidate in (path, previous(path)):
        if not candidate.exists():
            continue
        state = _read(candidate)
        if isinstance(state, dict):
            if candidate != path:
                say(
                    f"{path.name} is {reasons[0] if reasons else 'missing'}: going on from {candidate.name}, "
                    f"{state['seen']:,} images seen"
                )
            return state
        reasons.append(state)
    if not reasons:
        raise UserError(f"{path.parent}: no checkpoint yet, nothing to go on from; train it again")
    raise UserError(f"{path}: {reasons[0]}, and there is no good one before it; train it again")


def _read(path: Path) -> dict[str, Any] | str:
    """The state, or why it cannot be read. Raises UserError for another version."""
    content = path.read_bytes()
    start = len(_MAGIC) + _DIGEST
    digest = content[len(_MAGIC) : start]
    if not content.startswith(_MAGIC) or hashlib.sha256(memoryview(content)[start:]).digest() != digest:
        return "damaged"
    state: dict[str, Any] = torch.load(io.BytesIO(memoryview(content)[start:]), map_location="cpu", weights_only=True)
    if state["format"] != FORMAT:
        raise UserError(
            f"{path}: a checkpoint of version {state['format']}, and this imaginable resumes version {FORMAT}; "
            "its model still loads, and train --from goes on from it"
        )
    return state
