"""What is made of a design besides its picture: sheets, codes, downloads, morphs."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imaginable.apps import _design
from imaginable.apps._book import exported
from imaginable.apps._design import Design, Mix
from imaginable.apps._json import Reader
from imaginable.core import seeds
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.methods._method import Styles
from imaginable.studio import wire
from imaginable.studio.runs import Runs
from imaginable.studio.served import Served
from imaginable.studio.wire import Wanted

LARGEST_SHEET = 64
MOST_FRAMES = 240
Answer = dict[str, Any]


def folded(served: Served, design: Design) -> Design:
    """The same picture as a code alone: the moves are in it, and the truncation."""
    code = _design.code_of(served.model, served.whole(design), served.book)
    return Design(None, tuple(code.flatten().tolist()), design.label)


def told(served: Served, design: Design) -> Design:
    """A recipe's design as the page can hold it: where a direction is not this book's own, the moves are folded."""
    own = {one.name: tuple(one.vector.flatten().tolist()) for one in served.book.directions}
    if any(own.get(move.name) != move.vector for move in design.moves):
        return folded(served, design)
    moves = tuple(replace(one, vector=None) for one in design.moves)
    mix = tuple(replace(one, seed=_own_seed(served, one, design.label)) for one in design.mix)
    return replace(design, seed=_own_seed(served, design, design.label), mix=mix, moves=moves)


def _own_seed(served: Served, start: Design | Mix, label: str | None) -> int | None:
    """The seed, where it draws that code: elsewhere it draws others."""
    if start.seed is None or start.code is None:
        return start.seed
    return start.seed if served.drawn(start.seed, label) == start.code else None


def fold(runs: Runs, given: Reader) -> Answer:
    wanted = Wanted.of(given)
    return {"code": wire.numbers(folded(runs.get(wanted.run), wanted.design).code or ())}


def sheet(runs: Runs, run: str, given: Reader) -> Answer:
    """New pictures to choose from: of seeds in turn, or like a design ("more like this")."""
    served = runs.get(run)
    count, seed = wire.whole(given, "count", 1, LARGEST_SHEET, 24), wire.whole(given, "seed", 0, 2**53, 0)
    if given.content.get("design") is None:
        starts = [Reader({"seed": seed + number}, "start") for number in range(count)]
        designs = wire.designs_of(starts, given)
    else:
        spread = wire.number(given, "spread", 0.0, 1.0, 0.4)
        designs = _alike(served, Wanted.read(given.part("design")).design, count, seed, spread)
    codes = torch.stack([_design.code_of(served.model, served.whole(one), served.book) for one in designs])
    arrays = served.model.decode_array(codes, _label(served, designs[0]))
    starts_told = [wire.mapping(run, one)["start"] for one in designs]
    return {"starts": starts_told, "pictures": [wire.data_url(array) for array in arrays]}


def _alike(served: Served, design: Design, count: int, seed: int, spread: float) -> list[Design]:
    """Codes around the design's: for a normal prior √(1 - s²) z + s ε, which stays as likely as z.

    Of styles a share of the way to others that are drawn: noise of its own in every layer would leave what is likely.
    """
    base = folded(served, design)
    code = torch.tensor(base.code)
    if served.model.can(Styles):
        drawn = served.model.latents(count, seeds.derive("alike", seed), label=base.label)
        near = torch.lerp(code, drawn.flatten(1), spread)
    else:
        noise = torch.randn(count, len(code), generator=seeds.generator(seed, "alike"))
        kept, scale = (math.sqrt(1 - spread**2), 1.0) if served.model.is_gaussian else (1.0, code.std())
        near = kept * code + spread * scale * noise
    return [replace(base, code=tuple(one.tolist())) for one in near]


def _label(served: Served, design: Design) -> str | None:
    return served.whole(design).label


def nearest(runs: Runs, given: Reader) -> Answer:
    """The training pictures nearest to a design's: is it a copy?"""
    wanted = Wanted.of(given)
    served = runs.get(wanted.run)
    found, verdict = served.neighbours().nearest(served.picture(wanted.design))
    return {
        "pictures": [wire.data_url(one.picture) for one in found],
        "names": [one.name for one in found],
        "distances": [one.distance for one in found],
        "verdict": verdict,
    }


# ---- downloads


def picture(runs: Runs, given: Reader) -> bytes:
    wanted = Wanted.of(given)
    served = runs.get(wanted.run)
    return _design.png(served.model, served.whole(wanted.design), served.book)


def recipe(runs: Runs, given: Reader) -> bytes:
    wanted = Wanted.of(given)
    served = runs.get(wanted.run)
    content = _design.recipe(served.model, served.whole(wanted.design), served.book)
    return _design.recipe_text(content).encode()


def direction(runs: Runs, run: str, name: str) -> bytes:
    served = runs.get(run)
    return exported(served.book.get(name), served.book.weights).encode()


def opened(runs: Runs, raw: bytes) -> Answer:
    """A recipe that a person brings, of any run that is served."""
    given = Reader.of_text(raw, "recipe")
    served = runs.present()
    if not served:
        raise UserError("recipe: no run is open that it could be of")
    own = next((one for one in served if one.book.weights == given.content.get("model")), served[0])
    design = _design.read_recipe(given, own.model)  # says so where it is of none of them
    return {"design": wire.mapping(own.id, told(own, design))}


def morph(runs: Runs, given: Reader) -> tuple[bytes, str]:
    """A way through designs of one run, as an endless GIF there and back or a PNG strip; and its file ending."""
    wanted = [Wanted.read(one) for one in wire.items(given, "designs", 2, 16)]
    kind = given.one_of("format", ("gif", "png"))
    frames = wire.whole(given, "frames", 2, MOST_FRAMES, 48 if kind == "gif" else 8)
    if len({one.run for one in wanted}) > 1:
        raise UserError("a morph goes through designs of one model; these are of several")
    served = runs.get(wanted[0].run)
    points = torch.stack([_design.code_of(served.model, served.whole(one.design), served.book) for one in wanted])
    codes = served.model.path(points, frames, closed=kind == "gif")
    arrays = served.model.decode_array(codes, _label(served, wanted[0].design))
    origin = served.model.origin()
    if kind == "png":
        return images.png(images.sheet(arrays, columns=len(arrays)), origin), "png"
    return _gif(_enlarged(arrays), origin), "gif"


def _gif(arrays: np.ndarray, origin: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "morph.gif"
        images.save_gif(path, list(arrays), origin, seconds=4.0)
        return path.read_bytes()


def _enlarged(arrays: np.ndarray) -> np.ndarray:
    factor = max(1, 128 // arrays.shape[1])
    return arrays.repeat(factor, axis=1).repeat(factor, axis=2)
