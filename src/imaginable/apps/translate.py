"""Pictures of one kind made into pictures of another."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from imaginable.apps import _folder, _translator
from imaginable.apps._folder import Made
from imaginable.apps._pictures import Say
from imaginable.apps._tiles import Advance
from imaginable.apps._translator import Translator
from imaginable.data.whole import Whole

LARGER = 2
"""times as large as what the model was trained on: beyond that a picture is worth a word"""


def translate(
    run: Path,
    pictures: str,
    *,
    out: Path | None = None,
    to: Literal["a", "b"] | None = None,
    tile: int = _translator.TILE,
    say: Say = print,
) -> list[Path]:
    """Translates a picture, a folder or a zip of them, of any size; returns what was written.

    to: which of its two domains, of a model that knows both ways (cyclegan); b, the second, without it. tile: pixels
    on a side that are made at once; larger pictures are made in parts. Transparency is that of the picture given.
    """
    translator = _translator.load(run, "translate", tile, to)
    trained = translator.model.trained.spec.shape[-1]
    large: list[str] = []

    def make(picture: Whole, name: str, advance: Advance) -> Made:
        if is_large(picture, trained):
            large.append(name)
        return translated(picture, translator, advance)

    with _folder.opened(pictures) as given:
        written = _folder.each(given, out or Path(run) / "translated", make, say)
    if large:
        named = ", ".join(large[:3]) + " ..." * (len(large) > 3)
        say(f"far larger than the {trained} pixels that the model knows: {named}")
        say("if the results are poor, shrink them first")
    return written


def translated(picture: Whole, translator: Translator, advance: Advance) -> Made:
    """What the model makes of it, with the picture's own transparency."""
    ground = _translator.ground_of(picture, translator.model)
    made = translator.picture(picture.on(ground), advance)
    if picture.alpha is not None:
        made = _translator.transparent(made, picture.alpha, ground)
    return Made(made, translator.model.origin())


def is_large(picture: Whole, trained: int) -> bool:
    """Whether it shows things far larger than the model, trained at so many pixels, has seen them."""
    return bool(min(picture.colour.shape[:2]) > LARGER * trained)
