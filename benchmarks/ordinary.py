"""The ordinary form of the shipped methods' training steps: what tutorials ship, and benchmarks compare with.

Eager float32, NCHW, torch.optim.Adam as it comes, no player frozen; the networks, losses and batch are ours.
"""

import ctypes
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from imaginable.core.types import Batch, DataSpec
from imaginable.methods._method import Translates
from imaginable.methods.stylegan2 import Stylegan2
from imaginable.networks.residual import ResidualDecoder
from imaginable.objectives.reconstruction import squared_error
from imaginable.objectives.variational import kl_to_standard_normal, reparameterise
from ordinary_gans import Step, adversarial_step
from ordinary_restorers import restoring_step
from ordinary_styles import styles_step
from ordinary_translators import translating_step


def ordinary_step(method: Any, spec: DataSpec, batch: Batch, at: float) -> Step:
    """One training step of the method on these items, at that fraction of the run, to be called again and again."""
    nets, x = method.networks(spec, {}), batch.x.contiguous()
    if batch.y is not None:
        return translating_step(method, nets, x, batch.y.contiguous())
    if isinstance(method, Translates):
        return restoring_step(method, nets, x, at)
    if isinstance(method, Stylegan2):
        return styles_step(method, nets, x)
    if "generator" in method.averaged:
        return adversarial_step(method, nets, x)
    return _autoencoder(method, nets.autoencoder, x)


def _autoencoder(method: Any, halves: Any, x: Tensor) -> Step:
    adam = torch.optim.Adam(halves.parameters(), method.lr)

    def variational() -> Tensor:
        mean, log_variance = halves.encoder(x).chunk(2, dim=1)
        activation = _decode(halves.decoder, reparameterise(mean, log_variance))
        kl = kl_to_standard_normal(mean, log_variance).sum(1)
        return (kl - halves.output.log_likelihood(x, activation)).mean()

    def plain() -> Tensor:
        return squared_error(x, _decode(halves.decoder, halves.encoder(x))).mean()

    objective = variational if "output" in dict(halves.named_children()) else plain

    def step() -> None:
        adam.zero_grad()
        objective().backward()
        adam.step()

    return step


def _decode(decoder: nn.Module, z: Tensor) -> Tensor:
    """The decoder's forward without its change to channels_last."""
    if not isinstance(decoder, ResidualDecoder):
        return decoder(z)
    x = decoder.stem(z).view(len(z), decoder.channels, decoder.sizes[0], decoder.sizes[0])
    for stage, up, size in zip(decoder.stages, decoder.ups, decoder.sizes[1:], strict=True):
        x = up(F.interpolate(stage(x), size=(size, size)))
    return decoder.last(F.silu(x))


def ordinary_settings() -> None:
    """Takes back fast.tune_process(): the defaults, glibc's at the ceiling they climb to by themselves."""
    torch.set_float32_matmul_precision("highest")
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    trim_threshold, top_pad, mmap_threshold, mmap_max = -1, -2, -3, -4  # constants of malloc.h
    libc.mallopt(mmap_max, 65536)
    libc.mallopt(mmap_threshold, 32 << 20)
    libc.mallopt(trim_threshold, 64 << 20)
    libc.mallopt(top_pad, 128 << 10)
    libc.malloc_trim(0)


def ordinary_item(path: Path, size: int) -> Tensor:
    """One picture as a torchvision-style dataset reads it every time: decode, resize, crop, to a tensor."""
    with Image.open(path) as file:
        picture = file.convert("RGB")
    scale = size / min(picture.size)
    wide, high = (round(side * scale) for side in picture.size)
    picture = picture.resize((wide, high), Image.Resampling.BILINEAR)
    left, top = (wide - size) // 2, (high - size) // 2
    picture = picture.crop((left, top, left + size, top + size))
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()
    return pixels.to(torch.float32).div(255).sub(0.5).div(0.5)
