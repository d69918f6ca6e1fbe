"""How likely a model finds items it has never seen: bounds on log p(x) by importance sampling."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

LogWeights = Callable[[Tensor, Tensor | None, int], Tensor]
"""items (n, ...), their labels (n,) if any, and k to log p(x, z) - log q(z | x) of k draws an item, (k, n)"""

_NUMBERS_AT_ONCE = 2**17
"""of items that are decoded together: bounds the memory, and fits a processor's cache"""


@dataclass(frozen=True)
class Bounds:
    """Nats of each item, (n,) float64. elbo: the mean of log w over `samples` draws. importance: log of the
    mean of w, the k-sample bound of Burda et al. 2016 (equation 8), which rises with k towards log p(x)."""

    elbo: np.ndarray
    importance: np.ndarray
    samples: int


@torch.no_grad()
def bounds(log_weights: LogWeights, x: Tensor, samples: int, label: Tensor | None = None) -> Bounds:
    """Both bounds of items x (n, ...) from `samples` draws each; label (n,): their classes, where they matter.

    Items and draws go in blocks whose size depends on the item's alone, so the memory is the same for every
    k: of a row of log weights only its running maximum, sum of exponentials and sum are kept.
    """
    at_once = max(1, _NUMBERS_AT_ONCE // max(1, math.prod(x.shape[1:])))
    per_call = min(samples, at_once)
    items = max(1, at_once // per_call)
    parts = torch.split(x, items)
    labels = [None] * len(parts) if label is None else torch.split(label, items)
    found = [_of_block(log_weights, *pair, samples, per_call) for pair in zip(parts, labels, strict=True)]
    elbo, importance = (torch.cat(rows).numpy() for rows in zip(*found, strict=True))
    return Bounds(elbo, importance, samples)


def _of_block(
    log_weights: LogWeights, x: Tensor, label: Tensor | None, samples: int, per_call: int
) -> tuple[Tensor, Tensor]:
    log_sum = torch.full((len(x),), -math.inf, dtype=torch.float64)
    total = torch.zeros(len(x), dtype=torch.float64)
    for start in range(0, samples, per_call):
        rows = log_weights(x, label, min(per_call, samples - start)).double().cpu()  # (k, n)
        log_sum = torch.logaddexp(log_sum, torch.logsumexp(rows, dim=0))
        total += rows.sum(0)
    return total / samples, log_sum - math.log(samples)


def bits_per_dimension(nats: np.ndarray, dimensions: int) -> np.ndarray:
    """-log p / (dimensions · ln 2), (n,): the length of a perfect code, in bits a number of the item.

    Only for a likelihood of discrete values: a density can be scaled to any number of bits.
    """
    bits: np.ndarray = -nats / (dimensions * math.log(2))
    return bits


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean over items and its standard error (NaN for a single item)."""
    error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return float(values.mean()), error
