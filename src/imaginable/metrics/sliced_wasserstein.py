"""Sliced Wasserstein distance of local patches: whether two sets of pictures have the same textures, by scale.

Karras, Aila, Laine & Lehtinen 2018, "Progressive Growing of GANs for Improved Quality, Stability, and Variation",
arXiv:1710.10196, section 5; Rabin, Peyré, Delon & Bernot 2011, "Wasserstein Barycenter and Its Application to
Texture Mixing", doi:10.1007/978-3-642-24785-9_37; the pyramid is Burt & Adelson's of 1983.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import correlate1d

from imaginable.metrics.pictures import alike, blocks
from imaginable.metrics.score import Array, Score, Undefined

COARSEST, PATCH = 16, 7  # pixels
DIRECTIONS, GROUPS = 512, 10
FEW_DIRECTIONS = 64  # for the spread over groups, which hardly depends on them
LEAST = 50  # pictures a set: five a group
SCALE = 1e3  # as the paper prints it
FLAT = 1e-3  # grey levels: a deviation that is only rounding
_PROJECTIONS_AT_ONCE = 2**23  # numbers: bounds the memory


def sliced_wasserstein(first: Array, second: Array, seed: int = 0, patches: int = 64) -> dict[int, Score]:
    """1,000 times the sliced 1-Wasserstein distance of each level of a Laplacian pyramid, by the level's size.

    first, second: uint8 (n, h, w, c), c = 1 or 3, of the same size. Levels are keyed by their smaller side in pixels,
    finest first: the pictures' own size, halved (rounded up) while the half is at least 16; the last one is the
    low-pass rest. Of each picture and level `patches` random patches of 7 x 7 pixels are taken (the paper: 128 of
    16,384 pictures) and, set by set, every channel is brought to mean 0 and deviation 1 (one without contrast
    is only centred). The distance is the mean over 512 random unit directions of

        ∫ |F⁻¹(u) - G⁻¹(u)| du  =  mean of |a_(i) - b_(i)|,   the sorted projections of either set

    Of sets of unequal size, random pictures of the larger make up the number of the smaller, which is n. Both sets
    have patches at the same places, so a set is at exactly 0 from itself. Otherwise the distance is above 0 even for
    two sets of the same source, by about 1 / √n: compare figures of the same n, patches and seed only.

    The error comes from ten disjoint groups of pictures, each measured as if it were all (over 64 directions, for
    speed): their spread, over √10, plus (in squares) the spread over directions, over √512. A group's distance is
    larger than the whole's, but its spread is as √10 to 1, for distances that are all chance as for those that
    hardly have any. It was up to two thirds too large on trial at 50 pictures (five a group), up to a third at 200.
    Raises ValueError for arrays of another kind or of different sizes or channels; Undefined for fewer than 50
    pictures a set, or pictures of under 7 pixels.
    """
    alike(first, second)
    n, side = min(len(first), len(second)), min(first.shape[1:3])
    if n < LEAST:
        raise Undefined(
            f"the sliced Wasserstein distance needs at least {LEAST} pictures a set, not {n}: give more of them"
        )
    if side < PATCH:
        raise Undefined(f"the sliced Wasserstein distance needs pictures of at least {PATCH} pixels, not {side}")
    directions = np.random.default_rng(seed).standard_normal((DIRECTIONS, PATCH * PATCH * first.shape[3]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    directions = directions.astype(np.float32)
    sizes, scores = sizes_of(side), {}
    for depth, size in enumerate(sizes):
        of_first, of_second = (_patches(set_, depth, len(sizes), n, patches, seed) for set_ in (first, second))
        scores[size] = _level_score(of_first, of_second, directions)
    return scores


def _level_score(first: Array, second: Array, directions: Array) -> Score:
    """Of one level's patches (n, p, c, 49), which it normalises in place."""
    few = directions[:FEW_DIRECTIONS]
    groups = [
        sliced_distances(_normalised(first[i::GROUPS].copy()), _normalised(second[i::GROUPS].copy()), few).mean()
        for i in range(GROUPS)
    ]
    distances = sliced_distances(_normalised(first), _normalised(second), directions)
    variance = np.var(groups, ddof=1) / GROUPS + distances.var(ddof=1) / len(directions)
    return Score(SCALE * float(distances.mean()), SCALE * math.sqrt(variance), len(first))


def sliced_distances(first: Array, second: Array, directions: Array) -> Array:
    """1-Wasserstein distance of descriptors (n, d) and (n, d) along every direction (k, d), (k,) float64."""
    at_once = max(1, _PROJECTIONS_AT_ONCE // len(first))
    distances = [
        np.abs(_sorted(first, some) - _sorted(second, some)).mean(1, dtype=np.float64)
        for some in (directions[i : i + at_once] for i in range(0, len(directions), at_once))
    ]
    return np.concatenate(distances)


def _sorted(descriptors: Array, directions: Array) -> Array:
    projections: Array = directions @ descriptors.T
    projections.sort(axis=1)
    return projections


def _normalised(patches: Array) -> Array:
    """Patches (n, p, c, 49), changed in place, as descriptors (n · p, c · 49)."""
    for channel in np.moveaxis(patches, 2, 0):
        deviation = channel.std(dtype=np.float64)
        channel -= channel.mean(dtype=np.float64)
        channel /= deviation if deviation > FLAT else 1.0
    return patches.reshape(-1, patches.shape[2] * patches.shape[3])


def _patches(pictures: Array, depth: int, levels: int, n: int, count: int, seed: int) -> Array:
    """`count` patches of that level of n random pictures, (n, count, c, 49) float32.

    The pyramid is made anew for each level: patches of all levels at once would take too much memory.
    """
    random = np.random.default_rng((seed, depth))
    chosen = random.permutation(len(pictures))[:n]
    found = np.empty((n, count, pictures.shape[3], PATCH * PATCH), np.float32)
    for block in blocks(pictures[:n]):
        planes = pictures[chosen[block]].transpose(0, 3, 1, 2).astype(np.float32)
        windows = sliding_window_view(level(planes, depth, levels), (PATCH, PATCH), axis=(2, 3))
        b, _, rows, columns = windows.shape[:4]
        row, column = random.integers(rows, size=(b, count)), random.integers(columns, size=(b, count))
        found[block] = windows[np.arange(b)[:, None], :, row, column].reshape(found[block].shape)
    return found


def sizes_of(side: int) -> list[int]:
    """Of the pyramid's levels, finest first."""
    return [side, *sizes_of((side + 1) // 2)] if side // 2 >= COARSEST else [side]


def level(planes: Array, depth: int, levels: int) -> Array:
    """One level of the Laplacian pyramid of planes (n, c, h, w): depth 0 is the finest, the last is the low-pass rest.

    The pyramid adds up to the planes: each level plus the expanded sum of all coarser ones.
    """
    for _ in range(depth):
        planes = halved(planes)
    return planes if depth == levels - 1 else planes - expanded(halved(planes), *planes.shape[2:])


def halved(planes: Array) -> Array:
    """Smoothed with [1 4 6 4 1] / 16 along both axes, every other pixel kept: (n, c, ⌈h/2⌉, ⌈w/2⌉)."""
    rows, columns = (_smoothing(size)[::2] for size in planes.shape[2:])
    smaller: Array = rows @ planes @ columns.T
    return smaller


def expanded(planes: Array, height: int, width: int) -> Array:
    """Twice as large, (n, c, height, width): zeros between the pixels, smoothed, and doubled along each axis."""
    rows, columns = (2 * _smoothing(size)[:, ::2] for size in (height, width))
    larger: Array = rows @ planes @ columns.T
    return larger


def _smoothing(size: int) -> Array:
    """The filter as a matrix (size, size), reflected about the outermost pixels: so flat planes stay flat."""
    kernel = np.array([1, 4, 6, 4, 1], np.float32) / 16
    smoothing: Array = correlate1d(np.eye(size, dtype=np.float32), kernel, axis=0, mode="mirror")
    return smoothing
