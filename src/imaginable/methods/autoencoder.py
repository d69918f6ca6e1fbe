"""Plain autoencoder: the best pictures from few numbers, and no idea which numbers are likely.

Hinton & Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural Networks",
Science 313, doi:10.1126/science.1127647.

Objective, descended, averaged over items:
    Σ over pixels (x - decoder(encoder(x)))²
or, with `--denoise σ`, the denoising autoencoder (Vincent et al. 2008; 2010, JMLR 11, section 3):
    Σ over pixels (x - decoder(encoder(x + σ ε)))²,   ε ~ N(0, I): the clean picture from a noisy one.

Nothing says where codes may lie or what stands between them: random codes decode to nonsense, so this
method has no prior and cannot be sampled until one is fitted to its codes (docs/methods/autoencoder.md
shows the dead zones as a figure). As a compressor it is hard to beat.

Differs from the paper: trained end to end with Adam (no layer-wise pretraining); squared error for
cross-entropy; a residual convolutional network by default (`--preset paper`: one hidden layer of units).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from imaginable.core.optimizers import Adam, Optimizer, Schedule
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._variational import NetworkName, encoder_and_decoder
from imaginable.objectives.reconstruction import squared_error


class Halves(nn.Module):
    """Encoder and decoder: one player."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder


class AutoencoderNetworks(nn.Module):
    def __init__(self, autoencoder: Halves) -> None:
        super().__init__()
        self.autoencoder = autoencoder


@final
@dataclass(frozen=True)
class Autoencoder(Method[AutoencoderNetworks]):
    """Plain or denoising autoencoder (Hinton & Salakhutdinov 2006; Vincent et al. 2008)."""

    paper = "Hinton & Salakhutdinov 2006, Reducing the Dimensionality of Data with Neural Networks"
    consumes = frozenset({"images", "points"})
    averaged = ("autoencoder",)
    presets: ClassVar = {
        "small": {"width": 16, "latents": 32},
        "base": {},
        "paper": {"network": "mlp", "latents": 30, "hidden": 1000},
    }

    latents: int = 64
    """dimensions of the code"""
    network: NetworkName = "convolutional"
    """convolutional (residual) or mlp"""
    width: int = 32
    """channels of the first convolution"""
    blocks: int = 1
    """residual blocks at every resolution"""
    hidden: int = 500
    """units of the mlp's hidden layer"""
    denoise: float = 0.0
    """deviation of the Gaussian noise put on what is encoded in training, where 2 is from black to white"""
    lr: float = 1e-3
    """Adam's learning rate"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> AutoencoderNetworks:
        return AutoencoderNetworks(
            Halves(
                *encoder_and_decoder(
                    self.network, spec, self.latents, self.latents, self.width, self.blocks, self.hidden
                )
            )
        )

    def optimizers(self) -> dict[str, Optimizer]:
        return {"autoencoder": Adam(self.lr, schedule=Schedule("cosine", decay_from=0.3, warmup=0.05))}

    def phases(self) -> tuple[Phase[AutoencoderNetworks], ...]:
        return (Phase("autoencoder", self.reconstruction_loss),)

    def reconstruction_loss(self, nets: AutoencoderNetworks, batch: Batch, progress: Progress) -> Loss:
        given = batch.x + self.denoise * torch.randn_like(batch.x) if self.denoise else batch.x
        reconstruction = nets.autoencoder.decoder(nets.autoencoder.encoder(given))  # (n, *shape)
        error = squared_error(batch.x, reconstruction).mean()
        return Loss(error, error=error / batch.x[0].numel())

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (self.latents,)

    def encode(self, nets: AutoencoderNetworks, x: Tensor, label: Tensor | None = None) -> Tensor:
        z: Tensor = nets.autoencoder.encoder(x)
        return z

    def decode(
        self,
        nets: AutoencoderNetworks,
        z: Tensor,
        label: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        x: Tensor = nets.autoencoder.decoder(z)
        return x.clamp(-1, 1) if x.ndim == 4 else x
