"""Inversion encoder: finds the code of a picture for a generator that has no encoder of its own.

Perarnau et al. 2016, "Invertible Conditional GANs for Image Editing", arXiv:1611.06355, section 3.1: the encoder of
codes. The second term is that of Zhu et al. 2016, "Generative Visual Manipulation on the Natural Image Manifold",
arXiv:1609.03552, on made pictures as in Bau et al. 2019, "Seeing What a GAN Cannot Generate", arXiv:1910.11626.

Objective, descended, for a trained generator G that is held still, d numbers of a code and D of an item:
    E_z,y [ ‖E(x) - z‖² / d  +  λ ‖G(E(x), y) - x‖² / D ],   x = G(z, y),   z ~ p(z),   y uniform over the classes.
Where G maps z to styles, z here is w of all layers, (layers, styles), and so is what is found: the space W+.
The first term alone wastes itself on what the picture does not show of its code; the second only counts what shows.

It needs no data, only a generator: the pictures it learns from never were, and there are as many as one likes. So of a
real picture it finds the code of something like it, which `imaginable invert` then refines.

Differs from the papers: one encoder for all classes, which is not told the picture's; a residual network without
batch norm; no term on real pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from imaginable.core.optimizers import Adam, Optimizer, Schedule
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._method import Method, Phase, Samples, Trained
from imaginable.networks.mlp import Mlp
from imaginable.networks.residual import ResidualEncoder


class InversionNetworks(nn.Module):
    """encoder: the one player. generator: what it inverts, no part of the module, so it neither moves nor is saved;
    None in a model that was loaded, which encodes without it."""

    def __init__(self, encoder: nn.Module, generator: Trained | None) -> None:
        super().__init__()
        self.encoder = encoder
        self.generator = generator


@final
@dataclass(frozen=True)
class InversionEncoder(Method[InversionNetworks]):
    """Encoder for a generator without one (Perarnau et al. 2016)."""

    paper = "Perarnau et al. 2016, Invertible Conditional GANs for Image Editing, arXiv:1611.06355"
    consumes = frozenset()
    averaged = ("encoder",)
    needs: ClassVar = {"generator": Samples}
    presets: ClassVar = {"small": {"width": 16}, "base": {}, "paper": {"width": 64, "pixels": 0.0}}

    width: int = 32
    """channels of the first convolution"""
    blocks: int = 1
    """residual blocks at every resolution"""
    hidden: int = 256
    """units of each of two hidden layers, where items are points"""
    pixels: float = 1.0
    """λ, the weight of the error of the picture made of the code, where that of the code is 1"""
    lr: float = 1e-3
    """Adam's learning rate"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> InversionNetworks:
        assert spec.target_shape is not None, "that of the generator's codes"
        numbers = prod(spec.target_shape)
        encoder = (
            ResidualEncoder(spec.shape, numbers, self.width, self.blocks)
            if spec.kind == "images"
            else Mlp([spec.dimensions, self.hidden, self.hidden], (numbers,))
        )
        return InversionNetworks(nn.Sequential(encoder, nn.Unflatten(1, spec.target_shape)), given.get("generator"))

    def optimizers(self) -> dict[str, Optimizer]:
        return {"encoder": Adam(self.lr, schedule=Schedule("cosine", decay_from=0.3, warmup=0.05))}

    def phases(self) -> tuple[Phase[InversionNetworks], ...]:
        return (Phase("encoder", self.inversion_error),)

    def inversion_error(self, nets: InversionNetworks, batch: Batch, progress: Progress) -> Loss:
        assert nets.generator is not None, "training is refused without"
        generator, device, n = nets.generator, batch.x.device, len(batch)
        classes = len(generator.spec.classes) if generator.method.labels != "none" else 0
        label = torch.randint(classes, (n,)).to(device) if classes else None
        with torch.no_grad():
            z = generator.codes(n, torch.default_generator, label).to(device)
            x = generator.items(z, label)  # (n, *shape)
        found = nets.encoder(x)  # (n, *code shape)
        code = (found - z).square().mean()
        picture = (generator.items(found, label) - x).square().mean()
        return Loss(code + self.pixels * picture, code=code, picture=picture)

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        assert spec.target_shape is not None
        return spec.target_shape

    def encode(self, nets: InversionNetworks, x: Tensor, label: Tensor | None = None) -> Tensor:
        z: Tensor = nets.encoder(x)
        return z
