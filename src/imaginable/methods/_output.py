"""What a decoder's activations mean: p(x | z)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from imaginable.core import distributed
from imaginable.core.errors import UserError
from imaginable.core.types import DataSpec
from imaginable.objectives.reconstruction import (
    HALF_LEVEL,
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    logistic_log_likelihood,
    logistic_mixture_log_likelihood,
    logistic_mixture_mean,
    mixture_parameters,
)

OutputName = Literal["gaussian", "gaussian-learned", "gaussian-fixed", "bernoulli", "logistic", "mixture"]

COMPONENTS = 5
"""logistics in a pixel's mixture"""
# a picture's own rounding to 256 values is noise of this deviation: a density sharper than it says nothing
_LEAST_DEVIATION = 2 * HALF_LEVEL / math.sqrt(12)
# a scale is one number that must travel far, while Adam moves a number by its learning rate a step
_SCALE_SPEED = 20.0
# share of the newest batch in the gaussian's variance
_NEWEST = 0.1


class Output(nn.Module):
    """p(x | z) from a decoder's activations (n, channels(c), h, w).

    gaussian: the variance is solved for: the mean squared error, which maximises the likelihood in closed
    form (Rybkin et al. 2021, "Simple and effective VAE training with calibrated decoders", equation 9),
    here as a running mean, so that the items of a batch stay independent. gaussian-learned: one deviation,
    learned. gaussian-fixed: the given `deviation`, right only where the noise of the data is known.
    bernoulli: black or white. logistic: the 256 grey values with one learned scale. mixture: the 256 values
    of whole pixels by a mixture of logistics with everything from the decoder.
    """

    def __init__(self, name: OutputName, spec: DataSpec, deviation: float) -> None:
        """Raises UserError for points with a likelihood of grey values."""
        super().__init__()
        if spec.kind == "points" and not name.startswith("gaussian"):
            raise UserError(f"--output {name}: for grey values; points take gaussian")
        self.name = name
        self.pictured = spec.shape[0]
        self.variance: Tensor
        self.newest: Tensor
        if name == "gaussian":
            self.register_buffer("variance", torch.ones(()))
            self.register_buffer("newest", torch.zeros(2))  # sum of squared errors, numbers summed
        if name == "gaussian-fixed":
            self.register_buffer("variance", torch.tensor(deviation**2))
        if name in ("logistic", "gaussian-learned"):
            start = -2.0 if name == "logistic" else 0.0
            self.scaled_log_scale = nn.Parameter(torch.full((), start / _SCALE_SPEED))

    @property
    def channels(self) -> int:
        """First number of an activation's shape."""
        return mixture_parameters(self.pictured, COMPONENTS) if self.name == "mixture" else self.pictured

    def log_likelihood(self, x: Tensor, activation: Tensor) -> Tensor:
        """Nats per item, (n,)."""
        match self.name:
            case "bernoulli":
                return bernoulli_log_likelihood(x, activation)
            case "logistic":
                return logistic_log_likelihood(x, activation, self._log_scale())
            case "mixture":
                return logistic_mixture_log_likelihood(x, activation)
        if self.training and self.name == "gaussian":
            error = (x - activation.detach()).square().sum()
            self.newest += torch.stack([error, torch.full_like(error, x.numel())])
        return gaussian_log_likelihood(x, activation, self.log_deviation())

    def log_deviation(self) -> Tensor:
        """Of the gaussian, a scalar."""
        if self.name == "gaussian-learned":
            return self._log_scale().clamp(min=math.log(_LEAST_DEVIATION))
        return 0.5 * self.variance.log()

    def solve_variance(self) -> None:
        """Moves the variance towards the error since the last call, of all processes; after a step."""
        if self.name != "gaussian":
            return
        error, count = distributed.average(self.newest)
        self.variance.lerp_(error / count, _NEWEST).clamp_(min=_LEAST_DEVIATION**2)
        self.newest.zero_()

    def mean(self, activation: Tensor) -> Tensor:
        """The picture shown for z, in [-1, 1]."""
        if self.name == "bernoulli":
            return 2 * torch.sigmoid(activation) - 1
        if self.name == "mixture":
            activation = logistic_mixture_mean(activation, self.pictured)
        return activation.clamp(-1, 1) if activation.ndim == 4 else activation  # points have no range

    def vitals(self, x: Tensor, activation: Tensor) -> dict[str, Tensor]:
        """Its share of what `Vitals` documents (methods/_method.py)."""
        found = {
            "distortion": -self.log_likelihood(x, activation).mean(),
            "error": (x - self.mean(activation)).square().mean().sqrt(),
        }
        return found | {"deviation": self.variance.sqrt()} if self.name == "gaussian-fixed" else found

    def _log_scale(self) -> Tensor:
        return _SCALE_SPEED * self.scaled_log_scale


def discrete_levels(name: OutputName) -> int | None:
    """How many values a number of the data can take under this likelihood; None where it is a density."""
    return {"bernoulli": 2, "logistic": 256, "mixture": 256}.get(name)
