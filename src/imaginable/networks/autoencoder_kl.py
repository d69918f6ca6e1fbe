"""The autoencoder of latent diffusion, laid out as diffusers' `AutoencoderKL`.

Rombach et al. 2022, arXiv:2112.10752, section 3.1 and appendix G.
Names of modules and parameters are theirs, and so is every number that decides an output: a state dict of one
is a state dict of the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# as in diffusers; torch's own default is 1e-5
_EPS = 1e-6


def _norm(channels: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(groups, channels, eps=_EPS)


class ResidualBlock(nn.Module):
    """shortcut(x) + conv(silu(norm(conv(silu(norm(x)))))), (n, channels, h, w) -> (n, outputs, h, w)."""

    def __init__(self, channels: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.norm1 = _norm(channels, groups)
        self.conv1 = nn.Conv2d(channels, outputs, 3, padding=1)
        self.norm2 = _norm(outputs, groups)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(channels, outputs, 1) if channels != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(F.silu(self.norm1(x)))
        branch: Tensor = self.conv2(F.silu(self.norm2(hidden)))
        return branch + (x if self.conv_shortcut is None else self.conv_shortcut(x))


class Attention(nn.Module):
    """x + one head of attention between all positions, (n, c, h, w) -> the same."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.group_norm = _norm(channels, groups)
        self.to_q = nn.Linear(channels, channels)
        self.to_k = nn.Linear(channels, channels)
        self.to_v = nn.Linear(channels, channels)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: Tensor) -> Tensor:
        places = self.group_norm(x).flatten(2).transpose(1, 2)[:, None]  # (n, 1, h w, c)
        mixed = F.scaled_dot_product_attention(self.to_q(places), self.to_k(places), self.to_v(places))
        branch: Tensor = self.to_out[0](mixed)[:, 0].transpose(1, 2).unflatten(2, x.shape[2:])
        return x + branch


class MidBlock(nn.Module):
    """Residual, attention, residual at the smallest size."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.attentions = nn.ModuleList([Attention(channels, groups)])
        self.resnets = nn.ModuleList(ResidualBlock(channels, channels, groups) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.resnets[1](self.attentions[0](self.resnets[0](x)))
        return out


class Downsample(nn.Module):
    """(n, c, h, w) -> (n, c, h / 2, w / 2). Zeros only to the right and below, which keeps the grid where it was."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return out


class Upsample(nn.Module):
    """(n, c, h, w) -> (n, c, 2 h, 2 w): nearest neighbours, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return out


def _blocks(channels: int, outputs: int, count: int, groups: int) -> nn.ModuleList:
    wides = [channels, *[outputs] * count]
    return nn.ModuleList(ResidualBlock(before, after, groups) for before, after in itertools.pairwise(wides))


class DownBlock(nn.Module):
    """Residual blocks, then half the size, but for the last level."""

    def __init__(self, channels: int, outputs: int, count: int, groups: int, last: bool) -> None:
        super().__init__()
        self.resnets = _blocks(channels, outputs, count, groups)
        self.downsamplers = nn.ModuleList([] if last else [Downsample(outputs)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in [*self.resnets, *self.downsamplers]:
            x = layer(x)
        return x


class UpBlock(nn.Module):
    """Residual blocks, then twice the size, but for the last level."""

    def __init__(self, channels: int, outputs: int, count: int, groups: int, last: bool) -> None:
        super().__init__()
        self.resnets = _blocks(channels, outputs, count, groups)
        self.upsamplers = nn.ModuleList([] if last else [Upsample(outputs)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in [*self.resnets, *self.upsamplers]:
            x = layer(x)
        return x


class Encoder(nn.Module):
    """(n, c, h, w) -> (n, outputs, h / f, w / f)."""

    def __init__(self, channels: int, wides: Sequence[int], count: int, groups: int, outputs: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(channels, wides[0], 3, padding=1)
        pairs = list(itertools.pairwise([wides[0], *wides]))
        self.down_blocks = nn.ModuleList(
            DownBlock(before, after, count, groups, last=level == len(pairs) - 1)
            for level, (before, after) in enumerate(pairs)
        )
        self.mid_block = MidBlock(wides[-1], groups)
        self.conv_norm_out = _norm(wides[-1], groups)
        self.conv_out = nn.Conv2d(wides[-1], outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for block in self.down_blocks:
            x = block(x)
        out: Tensor = self.conv_out(F.silu(self.conv_norm_out(self.mid_block(x))))
        return out


class Decoder(nn.Module):
    """(n, latents, h / f, w / f) -> (n, c, h, w). One residual block more at every size than the encoder has."""

    def __init__(self, latents: int, wides: Sequence[int], count: int, groups: int, channels: int) -> None:
        super().__init__()
        wides = wides[::-1]
        self.conv_in = nn.Conv2d(latents, wides[0], 3, padding=1)
        self.mid_block = MidBlock(wides[0], groups)
        pairs = list(itertools.pairwise([wides[0], *wides]))
        self.up_blocks = nn.ModuleList(
            UpBlock(before, after, count + 1, groups, last=level == len(pairs) - 1)
            for level, (before, after) in enumerate(pairs)
        )
        self.conv_norm_out = _norm(wides[-1], groups)
        self.conv_out = nn.Conv2d(wides[-1], channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.mid_block(self.conv_in(z))
        for block in self.up_blocks:
            x = block(x)
        out: Tensor = self.conv_out(F.silu(self.conv_norm_out(x)))
        return out


class KlAutoencoder(nn.Module):
    """Pictures (n, channels, h, w) to the moments of q(z | x) and back; f = 2^(len(block_out_channels) - 1).

    block_out_channels: channels at every size, from the picture down; multiples of norm_num_groups.
    layers_per_block: residual blocks at every size (the decoder has one more).
    """

    def __init__(
        self,
        channels: int,
        block_out_channels: Sequence[int],
        layers_per_block: int,
        latent_channels: int,
        norm_num_groups: int,
    ) -> None:
        super().__init__()
        shape = (tuple(block_out_channels), layers_per_block, norm_num_groups)
        self.encoder = Encoder(channels, *shape, outputs=2 * latent_channels)
        self.decoder = Decoder(latent_channels, *shape, channels=channels)
        self.quant_conv = nn.Conv2d(2 * latent_channels, 2 * latent_channels, 1)
        self.post_quant_conv = nn.Conv2d(latent_channels, latent_channels, 1)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | x), (n, latent_channels, h / f, w / f) each, float32."""
        mean, log_variance = self.quant_conv(self.encoder(x)).to(torch.float32).chunk(2, dim=1)
        return mean, log_variance.clamp(-30.0, 20.0)

    def decode(self, z: Tensor) -> Tensor:
        """The picture of z, float32; its range is not limited."""
        x: Tensor = self.decoder(self.post_quant_conv(z))
        return x.to(torch.float32)
