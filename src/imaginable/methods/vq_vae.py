"""VQ-VAE: pictures as small grids of codes from a codebook, and a learned prior that writes such grids.

van den Oord, Vinyals & Kavukcuoglu 2017, "Neural Discrete Representation Learning", arXiv:1711.00937.

Objective, descended, averaged over items (equation 3), z_e the encoder's grid, e its nearest entries,
sg[] without gradient:
    - log p(x | e)  +  ‖sg[z_e(x)] - e‖²  +  β ‖z_e(x) - sg[e]‖²
The first term's gradient passes the quantisation unchanged to the encoder. The second moves the codebook
only; with `--codebook ema` (the default, appendix A.1) running averages do its work. The third moves the
encoder only. Then the autoencoder is held still, and a prior over its codes, row by row, descends
    - Σ log p(code of a cell | codes of the cells before it).

Against the VAE: the code is discrete, so its prior can be learned afterwards and exactly, and nothing
draws the posterior to a prior while the autoencoder trains: no blur, no collapse; unused entries instead.

Differs from the paper: a causal transformer for the PixelCNN (every cell sees all before it, and a sample
costs one cell's work for each cell); the Gaussian's variance is one number, solved for;
entries hardly used restart on the encoder's vectors (Dhariwal et al. 2020, "Jukebox", arXiv:2005.00341).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.core.errors import UserError
from imaginable.core.optimizers import Adam, Optimizer, Schedule
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods._output import Output, OutputName
from imaginable.networks.vq import GridDecoder, GridEncoder, GridPrior, grid_sizes
from imaginable.nn.quantize import Codebook, Learning, perplexity, straight_through, usage
from imaginable.objectives.quantization import codebook_loss, commitment_loss


class Quantising(nn.Module):
    """Encoder, codebook, decoder and output distribution: one player."""

    def __init__(self, encoder: GridEncoder, codebook: Codebook, decoder: GridDecoder, output: Output) -> None:
        super().__init__()
        self.encoder = encoder
        self.codebook = codebook
        self.decoder = decoder
        self.output = output


class VqVaeNetworks(nn.Module):
    """Two players, one after the other."""

    def __init__(self, autoencoder: Quantising, prior: GridPrior) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.prior = prior


@final
@dataclass(frozen=True)
class VqVae(Method[VqVaeNetworks]):
    """VQ-VAE with a learned prior (van den Oord et al. 2017)."""

    paper = "van den Oord, Vinyals & Kavukcuoglu 2017, Neural Discrete Representation Learning, arXiv:1711.00937"
    consumes = frozenset({"images"})
    averaged = ("autoencoder", "prior")
    presets: ClassVar = {
        "small": {"width": 16, "codes": 128, "hidden": 96, "layers": 3},
        "base": {},
        "paper": {"codes": 512, "width": 128, "blocks": 2, "hidden": 256, "layers": 12, "lr": 2e-4},
    }

    codes: int = 256
    """entries of the codebook"""
    dimensions: int = 64
    """of an entry"""
    halvings: int | None = None
    """of the picture's side down to the grid of codes; by default two, and more where it would exceed 16 x 16"""
    beta: float = 0.25
    """weight of the commitment term, which holds the encoder at the codebook"""
    codebook: Learning = "ema"
    """how it learns: ema (running averages of the vectors) or gradient (the codebook loss)"""
    decay: float = 0.99
    """of the running averages, per step"""
    restart: float = 0.1
    """an entry used less than this share of the average is put on a vector of the newest batch; 0 never"""
    output: OutputName = "gaussian"
    """p(x | e), as in the vae"""
    deviation: float = 0.1
    """of gaussian-fixed, where 2 is from black to white"""
    prior_from: float = 0.6
    """fraction of the run after which the autoencoder is held still and the prior learns its codes"""
    width: int = 32
    """channels of the first convolution"""
    blocks: int = 1
    """residual blocks at every resolution"""
    hidden: int = 128
    """units of the prior's transformer"""
    layers: int = 4
    """of the prior's transformer"""
    lr: float = 1e-3
    """Adam's learning rate, of both players"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> VqVaeNetworks:
        if not 0 < self.prior_from < 1:
            raise UserError(f"--prior-from {self.prior_from}: must leave a part of the run to each, so between 0 and 1")
        output = Output(self.output, spec, self.deviation)
        shown = (output.channels, *spec.shape[1:])
        halvings = len(self.sizes_down(spec)) - 1
        autoencoder = Quantising(
            GridEncoder(spec.shape[0], self.dimensions, halvings, self.width, self.blocks),
            Codebook(self.codes, self.dimensions, self.codebook, self.decay, self.restart),
            GridDecoder(self.dimensions, shown, halvings, self.width, self.blocks),
            output,
        )
        return VqVaeNetworks(autoencoder, GridPrior(self.codes, self.sizes_down(spec)[-1], self.hidden, self.layers))

    def optimizers(self) -> dict[str, Optimizer]:
        # still at the end of its part: the prior and the averaged networks then see the same codes
        first = Schedule("cosine", decay_from=0.5, warmup=0.02, stop=self.prior_from)
        second = Schedule("cosine", warmup=0.05, start=self.prior_from)
        return {
            # a short memory of gradients' size: codes that change hands make it jump, and at 0.999 a run broke
            "autoencoder": Adam(self.lr, betas=(0.9, 0.99), schedule=first),
            "prior": Adam(self.lr, schedule=second, weight_decay=0.05, clip=1.0),
        }

    def phases(self) -> tuple[Phase[VqVaeNetworks], ...]:
        return (
            Phase("autoencoder", self.autoencoder_loss, stop=self.prior_from, after=self.move_codebook),
            Phase("prior", self.prior_loss, start=self.prior_from),
        )

    def autoencoder_loss(self, nets: VqVaeNetworks, batch: Batch, progress: Progress) -> Loss:
        part = nets.autoencoder
        encoded = part.encoder(batch.x)  # (n, d, h, w)
        indices = part.codebook.nearest(encoded)  # (n, h, w)
        part.codebook.watch(encoded, indices)
        quantised = part.codebook.embed(indices)  # (n, d, h, w)
        activation = part.decoder(straight_through(encoded, quantised))  # (n, *shape)
        log_likelihood = part.output.log_likelihood(batch.x, activation).mean()
        commitment = commitment_loss(encoded, quantised).mean()
        total = -log_likelihood + self.beta * commitment
        if self.codebook == "gradient":
            total = total + codebook_loss(encoded, quantised).mean()
        chosen = perplexity(usage(indices, self.codes))
        error = (batch.x - part.output.mean(activation)).square().mean()
        return Loss(total, reconstruction=-log_likelihood, error=error, commitment=commitment, perplexity=chosen)

    def move_codebook(self, nets: VqVaeNetworks, batch: Batch, progress: Progress) -> None:
        nets.autoencoder.codebook.move()
        nets.autoencoder.output.solve_variance()

    def prior_loss(self, nets: VqVaeNetworks, batch: Batch, progress: Progress) -> Loss:
        indices = self.indices(nets, batch.x)
        nats = F.cross_entropy(nets.prior(indices), indices, reduction="none").flatten(1).sum(1).mean()
        return Loss(nats, prior=nats)

    @torch.no_grad()
    def indices(self, nets: VqVaeNetworks, x: Tensor) -> Tensor:
        """The codes of pictures, (n, h, w) int64."""
        return nets.autoencoder.codebook.nearest(nets.autoencoder.encoder(x))

    def sizes_down(self, spec: DataSpec) -> list[int]:
        """Sides from the picture's to the grid's."""
        if self.halvings:
            return grid_sizes(spec.shape[-1], self.halvings)
        # a picture at 64 px is 256 codes; the prior's attention grows with their square
        every = (grid_sizes(spec.shape[-1], halvings) for halvings in itertools.count(2))
        return next(sizes for sizes in every if sizes[-1] <= 16)

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        grid = self.sizes_down(spec)[-1]
        return (self.dimensions, grid, grid)

    def code_bits(self, spec: DataSpec) -> float:
        cells = self.sizes_down(spec)[-1] ** 2
        return cells * math.log2(self.codes)

    def prior(
        self,
        nets: VqVaeNetworks,
        n: int,
        spec: DataSpec,
        generator: torch.Generator,
        label: Tensor | None = None,
    ) -> Tensor:
        return nets.autoencoder.codebook.embed(nets.prior.sample(n, generator))

    def encode(self, nets: VqVaeNetworks, x: Tensor, label: Tensor | None = None) -> Tensor:
        return nets.autoencoder.codebook.embed(self.indices(nets, x))

    def decode(
        self,
        nets: VqVaeNetworks,
        z: Tensor,
        label: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        # as it is: points between entries decode to pictures in between, and a morph does not jump
        return nets.autoencoder.output.mean(nets.autoencoder.decoder(z))

    def vitals(self, nets: VqVaeNetworks, x: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        indices = self.indices(nets, x)
        activation = nets.autoencoder.decoder(nets.autoencoder.codebook.embed(indices))
        return {"usage": usage(indices, self.codes)} | nets.autoencoder.output.vitals(x, activation)
