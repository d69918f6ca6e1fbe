"""What anybody could do without a generative model: the scores that one has to beat."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import Tensor

from imaginable.apps._scorers import Scorer, Seen, absolute_error, blocks, local
from imaginable.core import seeds
from imaginable.data.dataset import Dataset

COMPONENTS, KEPT = 128, 0.95
"""of PCA: as many as keep this share of the variance, and no more than so many"""
LEARNED = 2_000
"""training pictures that PCA is fitted to, and that patches come from, at most"""
PATCHES = 20_000
"""that are kept of them"""


def simple_scorers(dataset: Dataset) -> list[Scorer]:
    """PCA, on the whole and at the worst place, and the nearest local patch; fitted to the training pictures."""
    order = np.random.Generator(np.random.Philox(seeds.derive("baselines"))).permutation(len(dataset.train))
    x = dataset.batch(dataset.train[np.sort(order[:LEARNED])]).x
    return [*_pca(x), _patches(x)]


def _pca(x: Tensor) -> list[Scorer]:
    flat = x.flatten(1).numpy()
    most = min(COMPONENTS, *flat.shape)
    pca = PCA(most, svd_solver="randomized", random_state=0).fit(flat)
    count = min(most, int(np.searchsorted(np.cumsum(pca.explained_variance_ratio_), KEPT)) + 1)
    mean, vectors = torch.from_numpy(pca.mean_), torch.from_numpy(pca.components_[:count])

    def error(x: Tensor) -> Tensor:
        off = x.flatten(1) - mean
        return absolute_error(x, ((off @ vectors.T) @ vectors + mean).view(x.shape))

    def on_the_whole(x: Tensor) -> Seen:
        found = error(x)
        return Seen(found.flatten(1).mean(1), local(found).map)

    said = f"difference from the picture of {count} principal components"
    return [
        Scorer("pca-mean", f"mean {said}", on_the_whole),
        Scorer("pca-worst", f"{said}, at the worst place", lambda x: local(error(x))),
    ]


def _patches(x: Tensor) -> Scorer:
    side = max(5, x.shape[-1] // 16)
    bank = torch.cat([_drawn(part, side, -(-PATCHES // len(x)), at) for at, part in enumerate(blocks(x))])[:PATCHES]
    squares = bank.square().sum(1)

    def look(x: Tensor) -> Seen:
        return Seen(*map(torch.cat, zip(*(_nearest(part, side, bank, squares) for part in blocks(x, 1)), strict=True)))

    return Scorer("patches", f"distance of the worst patch of {side} pixels from the nearest of {len(bank):,}", look)


def _drawn(x: Tensor, side: int, each: int, seed: int) -> Tensor:
    """So many patches of each picture, from anywhere, (each · n, numbers)."""
    rows, columns = (
        torch.randint(0, x.shape[-1] - side + 1, (each * len(x),), generator=seeds.generator("patches", seed, axis))
        for axis in (0, 1)
    )
    items = torch.arange(len(x)).repeat_interleave(each)
    places = zip(items.tolist(), rows.tolist(), columns.tolist(), strict=True)
    return torch.stack([x[item, :, row : row + side, column : column + side].flatten() for item, row, column in places])


def _nearest(x: Tensor, side: int, bank: Tensor, squares: Tensor) -> tuple[Tensor, Tensor]:
    """Of each picture the greatest of the patches' distances (n,), and a map of them (n, h, w)."""
    stride = max(1, side // 2)
    places = -(-(x.shape[-1] - side) // stride) + 1
    padding = (places - 1) * stride + side - x.shape[-1]
    patches = F.unfold(F.pad(x, (0, padding, 0, padding), mode="replicate"), side, stride=stride)  # (n, numbers, l)
    flat = patches.transpose(1, 2).flatten(0, 1)
    squared = flat.square().sum(1) + torch.addmm(squares, flat, bank.T, alpha=-2).amin(1)
    distance = squared.clamp(min=0).sqrt().view(len(x), 1, places, places)
    where = F.interpolate(distance, x.shape[-2:], mode="bilinear")[:, 0]
    return distance.flatten(1).amax(1), where
