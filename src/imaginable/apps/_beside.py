"""Models that are measured beside each other: their names, and whether they see the same pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from imaginable.core.errors import UserError
from imaginable.model import Model


def names(folders: Sequence[Path], refuse: str) -> list[str]:
    """The last part of each path, or more of it where that is not enough to tell them apart."""
    for parts in range(1, 10):
        found = ["/".join(folder.resolve().parts[-parts:]) for folder in folders]
        if len(set(found)) == len(found):
            return found
    raise UserError(f"{refuse}: a run is named twice; name each once")


def refuse_unlike(loaded: Mapping[str, Model]) -> None:
    """Models that see different pictures would be measured on different data."""
    (name, first), *others = ((name, sees(model)) for name, model in loaded.items())
    for other, found in others:
        if found != first:
            raise UserError(
                f"{name} was trained on {first}, and {other} on {found}: they cannot be measured on the same items"
            )


def sees(model: Model) -> str:
    """What a model takes, prepared how."""
    spec, about = model.trained.spec, model.about
    fit, background = about.get("fit", "crop"), about.get("background", "white")
    ready = "" if spec.kind == "points" else f" (--fit {fit} --background {background})"
    return f"{spec.said}{ready}{' --binarise' if about.get('binarise') else ''}"
