"""What a model can say of how unlike its training pictures another picture is: every score by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from imaginable.apps._inverter import Inverter
from imaginable.apps._pictures import Say
from imaginable.core import seeds
from imaginable.core.errors import UserError
from imaginable.latent.outlying import Cloud
from imaginable.methods._method import Bounds, Decodes, Encodes, Samples, Scores, Translates
from imaginable.model import Model
from imaginable.networks.features import RandomFeatures

WINDOW = 5
"""pixels on a side of the windows that a local score is the greatest mean of"""
STEPS, STARTS = 30, 1
"""of the search for the code of a GAN's picture"""
Picture = Callable[[Tensor], Tensor]
"""pictures (n, c, h, w) to what is made of each, (n, ...)"""
PARTS = 8
"""blocks on a side that a model which fills holes is asked to fill, a quarter of them at a time"""


@dataclass(frozen=True)
class Seen:
    """Of n pictures: score (n,), high = unlike; map (n, h, w), high where it is unlike, or None."""

    score: Tensor
    map: Tensor | None = None

    def part(self, number: int) -> Seen:
        """Of one of them."""
        one = slice(number, number + 1)
        return Seen(self.score[one], None if self.map is None else self.map[one])


@dataclass(frozen=True)
class Scorer:
    """name: goes with every figure. said: what it is, for a person. look: pictures (n, c, h, w) to what is seen."""

    name: str
    said: str
    look: Callable[[Tensor], Seen]


@dataclass(frozen=True)
class Given:
    """What scores may need to be made. cloud: codes of training pictures."""

    run: Path
    cloud: Cloud | None
    say: Say


def scorers(model: Model, given: Given) -> list[Scorer]:
    """All that the model has, its own first. Raises UserError for one that has none."""
    encode = once(model.encode_tensor)
    found = [*_own(model), *_rebuilt(model, encode), *_bound(model), *_codes(model, given, encode), *_filled(model)]
    found += _inverted(model, given) if not found else []
    if not found:
        raise UserError(
            f"{model.name} says nothing of how unlike a picture is: it has no score, no codes, no holes to fill"
        )
    return found


def wants_codes(model: Model) -> bool:
    """Whether scores of it need the codes of training pictures."""
    return model.can(Encodes)


def local(error: Tensor, window: int = WINDOW) -> Seen:
    """Of errors (n, h, w): their means in windows, and the greatest of them."""
    smooth = F.avg_pool2d(error[:, None], window, stride=1, padding=window // 2, count_include_pad=False)[:, 0]
    return Seen(smooth.flatten(1).amax(1), smooth)


def absolute_error(x: Tensor, rebuilt: Tensor) -> Tensor:
    """Mean over channels, values in [0, 1], (n, h, w)."""
    return (x - rebuilt).abs().mean(1) / 2


def joined(parts: Sequence[Seen]) -> Seen:
    """Of consecutive blocks of pictures, together."""
    maps = [part.map for part in parts if part.map is not None]
    return Seen(torch.cat([part.score for part in parts]), torch.cat(maps) if maps else None)


def once(function: Picture) -> Picture:
    """The function, which remembers what it last gave: several scores ask for the same of the same pictures."""
    last: list[Tensor] = []

    def remembering(x: Tensor) -> Tensor:
        if not last or last[0] is not x:
            last[:] = x, function(x)
        return last[1]

    return remembering


# ---- a method's own


def _own(model: Model) -> Iterator[Scorer]:
    method = model.method
    if not isinstance(method, Scores):
        return

    def look(x: Tensor) -> Seen:
        return Seen(*method.score(model.trained.networks, x))

    yield Scorer("own", f"the score of {model.name}", look)


# ---- what a model makes of a picture by way of its code


def _rebuilt(model: Model, encode: Picture) -> Iterator[Scorer]:
    if not (model.can(Encodes) and model.can(Decodes)):
        return
    yield from _errors("rebuilt", "its reconstruction", lambda x: model.decode_tensor(encode(x)), model)


def _inverted(model: Model, given: Given) -> Iterator[Scorer]:
    """Of a GAN: what is left of a picture when the code that shows it best is found."""
    if not (model.can(Decodes) and (model.can(Samples) or model.fitted is not None)):
        return
    inverter = Inverter.of(model, given.run, given.say)

    def rebuild(x: Tensor) -> Tensor:
        with torch.enable_grad():  # the search descends, also where scores are asked for without gradients
            return inverter.invert(x, steps=STEPS, starts=STARTS).refined.detach()

    yield from _errors("inverted", "the nearest picture it can make", rebuild, model)


def _errors(name: str, what: str, rebuild: Picture, model: Model) -> Iterator[Scorer]:
    """By pixel on the whole and at the worst place, and by the features of a network that nobody trained."""
    rebuild = once(rebuild)
    features = RandomFeatures(model.trained.spec.shape[0]).eval().requires_grad_(False)

    def mean(x: Tensor) -> Seen:
        error = absolute_error(x, rebuild(x))
        return Seen(error.flatten(1).mean(1), local(error).map)

    def worst(x: Tensor) -> Seen:
        return local(absolute_error(x, rebuild(x)))

    def by_features(x: Tensor) -> Seen:
        return local(features.difference(x, rebuild(x)), 1)

    yield Scorer(f"{name}-mean", f"mean difference of a pixel from {what}", mean)
    yield Scorer(f"{name}-worst", f"difference from {what}, at the worst place", worst)
    yield Scorer(f"{name}-features", f"difference from {what} to a random network, at the worst place", by_features)


# ---- likelihood and codes


def _bound(model: Model) -> Iterator[Scorer]:
    method = model.method
    if not isinstance(method, Bounds):
        return

    def log_weight(one: Tensor) -> Tensor:
        return method.log_weights(model.trained.networks, one, 1, seeds.generator("anomalies"), None)[0]

    def look(x: Tensor) -> Seen:
        # picture by picture, with the same draw: so it depends on neither its place nor its neighbours
        return Seen(-torch.cat([log_weight(one) for one in torch.split(x, 1)]).float())

    yield Scorer("bound", "minus the bound on log p(x), from one draw that is the same for all", look)


def _codes(model: Model, given: Given, encode: Picture) -> Iterator[Scorer]:
    cloud = given.cloud
    if cloud is None or not model.can(Encodes):
        return
    about = "of its code from those of the training pictures"
    yield Scorer("mahalanobis", f"Mahalanobis distance {about}", lambda x: Seen(cloud.mahalanobis(encode(x))))
    yield Scorer("nearest", f"mean distance {about}, the five nearest", lambda x: Seen(cloud.nearest(encode(x))))


# ---- what a model expects in the place of each part


def _filled(model: Model) -> Iterator[Scorer]:
    if not (isinstance(model.method, Translates) and model.method.task == "inpaint"):
        return

    def expected(x: Tensor) -> Tensor:
        made = torch.zeros_like(x)
        for hole in quarters(x.shape[-2], x.shape[-1]):
            filled = model.translate_tensor(x, hole.expand(len(x), 1, -1, -1))
            made = torch.where(hole > 0.5, filled, made)
        return made

    yield from _errors("filled", "what it fills in for each part", expected, model)


def quarters(height: int, width: int) -> list[Tensor]:
    """Four masks (1, 1, h, w) that together hide every pixel once: every other block of every other row of blocks."""
    row, column = (torch.arange(side) * PARTS // side for side in (height, width))
    places = [(down, right) for down in (0, 1) for right in (0, 1)]
    return [((row % 2 == down)[:, None] & (column % 2 == right))[None, None].float() for down, right in places]


def blocks(x: Sequence[Any] | Tensor | np.ndarray, size: int = 64) -> Iterator[Any]:
    """Consecutive parts of at most so many items."""
    for at in range(0, len(x), size):
        yield x[at : at + size]
