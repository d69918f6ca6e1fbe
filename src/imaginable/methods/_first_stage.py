"""An autoencoder whose latents serve a second model: their mean and deviation are measured while it trains."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imaginable.core import distributed
from imaginable.networks.autoencoder_kl import KlAutoencoder

# share of the newest batch in what is measured while training; the first batches share alike
_NEWEST = 0.02
# mean error of rounding to 256 values, Δ / 4: a smaller scale of the error says nothing
_LEAST_ERROR = 2 / 255 / 4


class FirstStage(nn.Module):
    """The autoencoder, and what is measured of it: the scale b of its error, the moments of its latents."""

    def __init__(self, networks: KlAutoencoder) -> None:
        super().__init__()
        self.networks = networks
        self.measured: Tensor
        self.newest: Tensor
        self.steps: Tensor
        self.register_buffer("measured", torch.tensor([1.0, 0.0, 1.0]))  # e, E z, E z²
        self.register_buffer("newest", torch.zeros(3))
        self.register_buffer("steps", torch.zeros(()))

    @property
    def error(self) -> Tensor:
        """b, ()."""
        return self.measured[0].clamp(min=_LEAST_ERROR)

    @property
    def shift(self) -> Tensor:
        """Mean of the sampled latents, ()."""
        return self.measured[1]

    @property
    def scale(self) -> Tensor:
        """1 / deviation of the sampled latents, ()."""
        return (self.measured[2] - self.shift.square()).rsqrt()

    def set_scale(self, scale: float, shift: float) -> None:
        """Takes over what another program measured."""
        self.measured[1], self.measured[2] = shift, shift**2 + scale**-2

    def note(self, error: Tensor, mean: Tensor, log_variance: Tensor) -> None:
        """Error () and posteriors of the newest batch. E z² = E [ μ² + σ² ]: no draw is needed."""
        second = mean.square() + log_variance.exp()
        self.newest.copy_(torch.stack([error, mean.mean(), second.mean()]).detach())

    def measure(self) -> None:
        """Moves what is measured towards the newest batch, of all processes; after a step."""
        self.steps += 1
        self.measured.lerp_(distributed.average(self.newest), (1 / self.steps).clamp(min=_NEWEST))
        self.newest.zero_()
