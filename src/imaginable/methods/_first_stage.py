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
        self.error: Tensor
        self.shift: Tensor
        self.variance: Tensor
        self.newest: Tensor
        self.steps: Tensor
        self.register_buffer("error", torch.ones(()))  # b
        self.register_buffer("shift", torch.zeros(()))  # mean of the sampled latents
        self.register_buffer("variance", torch.ones(()))  # theirs about the shift
        self.register_buffer("newest", torch.zeros(3))  # the newest batch's error, mean and square about the shift
        self.register_buffer("steps", torch.zeros(()))

    @property
    def scale(self) -> Tensor:
        """1 / deviation of the sampled latents, ()."""
        return self.variance.rsqrt()

    def set_scale(self, scale: float, shift: float) -> None:
        """Takes over what another program measured."""
        self.shift.fill_(shift)
        self.variance.fill_(scale**-2)
        self.steps.fill_(1 / _NEWEST)  # what further training measures counts no more than usual

    def note(self, error: Tensor, mean: Tensor, log_variance: Tensor) -> None:
        """Error () and posteriors of the newest batch. Over draws, E (z - s)² = (μ - s)² + σ²: none is needed."""
        about = (mean - self.shift).square() + log_variance.exp()
        self.newest.copy_(torch.stack([error, mean.mean(), about.mean()]).detach())

    def measure(self) -> None:
        """Moves what is measured towards the newest batch, of all processes; after a step."""
        self.steps += 1
        share = (1 / self.steps).clamp(min=_NEWEST)
        error, mean, about = distributed.average(self.newest)
        self.error.lerp_(error, share).clamp_(min=_LEAST_ERROR)
        move = share * (mean - self.shift)
        self.variance.lerp_(about, share).sub_(move.square())  # its squares were about the old shift
        self.shift.add_(move)
        self.newest.zero_()
