"""Fitting a prior to the codes of a run's training data."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imaginable.apps import _pictures
from imaginable.apps._pictures import Say
from imaginable.core.errors import UserError
from imaginable.data.dataset import Dataset
from imaginable.methods._method import Encodes, Samples
from imaginable.model import Model
from imaginable.training.run import Run

_MOST = 10_000
"""items whose codes are enough for ten Gaussians; more would cost minutes"""
_BLOCK = 256
_LARGEST = 1024
"""numbers of a code; a covariance of more would take gigabytes and hours"""


def fit(model: Model, dataset: Dataset, say: Say) -> Model:
    """The model with a mixture of Gaussians fitted to codes of training items, saved with it.

    Raises UserError for a model without an encoder.
    """
    if not model.can(Encodes):
        raise UserError(f"--prior fitted: {model.name} has no encoder whose codes a prior could be fitted to")
    if not fits(model):
        raise UserError(
            f"--prior fitted: codes of {math.prod(model.code_shape):,} numbers are too long for a mixture of "
            f"Gaussians (at most {_LARGEST:,})"
        )
    # evenly, because items may stand in the order of their classes
    index = dataset.train[np.linspace(0, len(dataset.train) - 1, min(_MOST, len(dataset.train))).astype(int)]
    say(f"fitting a mixture of Gaussians to the codes of {len(index):,} training items")
    blocks = [index[start : start + _BLOCK] for start in range(0, len(index), _BLOCK)]
    return model.fit_prior_to(torch.cat([_codes(model, dataset, block) for block in blocks]))


def with_prior(model: Model, run: Path, say: Say) -> Model:
    """The model, with a prior fitted now if it has none of its own and its data is known: its codes can be drawn."""
    if model.can(Samples) or model.fitted or not model.can(Encodes) or not fits(model) or not Run(run).job.exists():
        return model
    return fit(model, _pictures.training_data(run, "a prior"), say)


def fits(model: Model) -> bool:
    """Whether its codes are short enough."""
    return math.prod(model.code_shape) <= _LARGEST


def _codes(model: Model, dataset: Dataset, index: np.ndarray) -> Tensor:
    batch = dataset.batch(index)
    return model.encode_tensor(batch.x, batch.label if model.classes else None)


def describe(model: Model) -> str:
    """The fitted prior in words."""
    count = len(model.fitted.weights) if model.fitted else 0
    return "a Gaussian fitted to the codes" if count == 1 else f"a mixture of {count} Gaussians fitted to the codes"
