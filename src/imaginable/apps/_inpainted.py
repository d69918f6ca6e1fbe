"""How well holes in pictures are filled, at the model's own size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from imaginable.apps import _features
from imaginable.apps._contest import Asked, Contest, Entry, bytes_of, entry
from imaginable.apps._fillers import Fill, filler
from imaginable.apps._items import Items
from imaginable.apps._pictures import Say
from imaginable.apps._progress import Counter
from imaginable.apps._rows import Figure
from imaginable.apps._translated import BLOCK, PAIRED, SHOWN, by_key, paired_distances
from imaginable.core import seeds
from imaginable.core.errors import UserError
from imaginable.methods._method import Fills
from imaginable.metrics import masked
from imaginable.metrics.estimate import Estimate, mean_of
from imaginable.model import Model
from imaginable.nn.holes import Shapes, drawn_holes

PSNR = Figure("psnr_hole", "PSNR in the hole", "higher", "dB")
L1 = Figure("l1_hole", "L1 in the hole", "lower")
SHARPNESS = Figure("sharpness_hole", "sharpness in the hole (1 = as was)", "near one")
OUTSIDE = Figure("changed", "pixels changed outside the hole", "lower")


def inpainted(models: Mapping[str, Model], items: Items, asked: Asked) -> Contest:
    """The mean of what is known, the nearest known pixel, and the models, the first of which it is about."""
    extractor = _features.choose(asked.features, items.options, items.dataset, asked.inception, asked.say)
    fillers: dict[str, tuple[Fill, Model | None]] = {"mean": (mean_fill, None), "nearest": (nearest_fill, None)}
    fillers |= {name: (filler(model, asked.seed), model) for name, model in models.items()}
    shapes = cast(Fills, next(iter(models.values())).method).holes
    index, holes, source = _holes(items, shapes, asked)
    real = items.dataset.items[index]
    features = extractor.features(real)
    makers, sheet = {}, {"with holes": _grey(real[:SHOWN], holes[:SHOWN])}
    for name, (fill, model) in fillers.items():
        made, changed = _filled(fill, model, items, index, holes, asked.say)
        sheet[name] = made[:SHOWN]
        makers[name] = by_key(
            [
                Entry(PSNR, mean_of(masked.masked_peak_signal_to_noise(made, real, holes))),
                Entry(L1, mean_of(masked.masked_absolute_error(made, real, holes))),
                *paired_distances(extractor, extractor.features(made), features),
                entry(SHARPNESS, lambda made=made: masked.masked_sharpness(made, real, holes)),  # type: ignore[misc]
                Entry(OUTSIDE, Estimate(changed, n=len(real))),
            ]
        )
    conventions = (
        f"Holes: {source}, {holes.mean():.0%} of the pixels.",
        "PSNR and L1: pixels in the hole only, all channels; L1 of pixels in [-1, 1]; PSNR of each picture, range 255.",
        "Sharpness: differences of neighbours in the hole, in shares of those of the picture as it was.",
        f"FD and KD of whole pictures, by {extractor.said}.",
        PAIRED.format("filled pictures", "their originals"),
    )
    sheet["as it was"] = real[:SHOWN]
    return Contest(f"Filled, {items.said}", makers, next(iter(models)), conventions, (), sheet)


def mean_fill(x: Tensor, hole: Tensor) -> Tensor:
    """Each channel's mean over what is known of the picture."""
    known = 1 - hole
    mean = (x * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)
    return torch.where(hole > 0.5, mean.expand_as(x), x)


def nearest_fill(x: Tensor, hole: Tensor) -> Tensor:
    """The known pixel that is nearest."""
    filled = torch.empty_like(x)
    for number, one in enumerate(hole[:, 0].numpy() > 0.5):
        rows, columns = distance_transform_edt(one, return_distances=False, return_indices=True)
        filled[number] = x[number][:, torch.from_numpy(rows).long(), torch.from_numpy(columns).long()]
    return filled


def _holes(items: Items, shapes: Shapes, asked: Asked) -> tuple[np.ndarray, np.ndarray, str]:
    """Indices of the items with a hole, the holes, bool (n, h, w), and where they come from."""
    masks = items.dataset.masks
    if masks is None:
        drawn = np.concatenate(list(_drawn(len(items), items.dataset.spec.shape, shapes, asked.seed)))
        named = "rectangles and strokes" if shapes == "both" else shapes
        return items.index, drawn, f"{named} as in training, drawn with seed {asked.seed}"
    holes = masks[items.index][..., 0] >= 128
    share = holes.mean((1, 2))
    usable = (share > 0) & (share < 1)
    if not usable.any():
        raise UserError(f"--masks {asked.masks}: none of them leaves a part of its picture and fills another")
    if not usable.all():
        asked.say(f"left out {int((~usable).sum())} of {len(usable)} pictures, whose masks fill nothing or everything")
    return items.index[usable], holes[usable], f"the masks of {asked.masks}"


def _drawn(n: int, shape: tuple[int, ...], shapes: Shapes, seed: int) -> Iterator[np.ndarray]:
    _, height, width = shape
    for at in range(0, n, BLOCK):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.derive(seed, "holes", at))
            yield drawn_holes(min(BLOCK, n - at), height, width, shapes, torch.device("cpu"))[:, 0].numpy() > 0.5


def _filled(
    fill: Fill, model: Model | None, items: Items, index: np.ndarray, holes: np.ndarray, say: Say
) -> tuple[np.ndarray, int]:
    """uint8 pictures, and how many pixels changed that were known."""
    parts, changed = [], 0
    with Counter(len(index), say) as counter:  # codes are searched for minutes
        for at in range(0, len(index), BLOCK):
            x = items.dataset.batch(index[at : at + BLOCK]).x
            hole = torch.from_numpy(holes[at : at + BLOCK, None]).float()
            made = fill(x, hole)
            changed += int(((made != x).any(1, keepdim=True) & (hole == 0)).sum())
            parts.append(bytes_of(made, model))
            counter.show(at + len(x))
    return np.concatenate(parts), changed


def _grey(pictures: np.ndarray, holes: np.ndarray) -> np.ndarray:
    return np.where(holes[..., None], np.uint8(128), pictures)
