"""Low resolution from high: what a network that enlarges pictures learns to undo.

By default only made smaller, by bicubic interpolation as Pillow does it: with the kernel (a = -0.5) as wide as the
reduction, so that nothing aliases. Pictures are (n, channels, h, w) in [-1, 1].
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

BEST_JPEG = 95


@dataclass(frozen=True)
class Degradation:
    """In this order: blurred, made smaller by `factor`, noise added, rounded to 256 values, compressed.

    Every item draws its own strength: of the blur's deviation, in pixels of the large picture, between 0 and `blur`; of
    the noise's, in grey levels, between 0 and `noise`; of JPEG's quality between `jpeg` and 95 (0: not compressed).
    Draws are from torch's global generator.
    """

    factor: int
    blur: float = 0.0
    noise: float = 0.0
    jpeg: int = 0

    def __call__(self, x: Tensor) -> Tensor:
        n = len(x)
        if self.blur:
            x = blurred(x, self.blur * torch.rand(n, device=x.device))
        low = smaller(x, self.factor)
        if self.noise:
            deviation = self.noise / 127.5 * torch.rand(n, 1, 1, 1, device=x.device)
            low = low + deviation * torch.randn_like(low)
        low = rounded(low)
        if self.jpeg:
            low = compressed(low, torch.randint(self.jpeg, max(self.jpeg, BEST_JPEG) + 1, (n,)).tolist())
        return low


def smaller(x: Tensor, factor: int) -> Tensor:
    """(n, c, factor h, factor w) -> (n, c, h, w); may leave [-1, 1] a little."""
    return _resized(x, x.shape[-2] // factor, x.shape[-1] // factor)


def larger(x: Tensor, factor: int) -> Tensor:
    """(n, c, h, w) -> (n, c, factor h, factor w): the usual enlargement, which knows nothing of pictures."""
    return _resized(x, x.shape[-2] * factor, x.shape[-1] * factor)


def _resized(x: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(x.float(), (height, width), mode="bicubic", antialias=True, align_corners=False)


def rounded(x: Tensor) -> Tensor:
    """To the 256 values that a file holds."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def blurred(x: Tensor, deviation: Tensor) -> Tensor:
    """With a Gaussian of each item's own deviation, (n,) in pixels; edges are mirrored."""
    n, channels, height, width = x.shape
    reach = min(max(1, int(3 * float(deviation.max()) + 0.5)), height - 1, width - 1)
    places = torch.arange(-reach, reach + 1, device=x.device)
    weights = torch.exp(-0.5 * (places / deviation.clamp(min=1e-3)[:, None]).square())  # (n, 2 reach + 1)
    weights = (weights / weights.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]
    flat = F.pad(x.float(), (reach,) * 4, mode="reflect").reshape(1, n * channels, height + 2 * reach, -1)
    flat = F.conv2d(flat, weights[:, :, None, :], groups=n * channels)
    return F.conv2d(flat, weights[:, :, :, None], groups=n * channels).view(x.shape)


def compressed(x: Tensor, quality: list[int]) -> Tensor:
    """Each item written as a JPEG of its quality (1 to 95) and read again, by Pillow on the CPU."""
    pixels = ((x + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    read = np.stack([_through_jpeg(one, own) for one, own in zip(pixels, quality, strict=True)])
    return torch.from_numpy(read).permute(0, 3, 1, 2).to(x.device, torch.float32) / 127.5 - 1


def _through_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "JPEG", quality=quality)
    with Image.open(file) as picture:
        return np.asarray(picture).reshape(pixels.shape)


def cropped(x: Tensor, size: int) -> Tensor:
    """A square of `size` out of every item, each at its own place, drawn from torch's global generator."""
    height, width = x.shape[-2:]
    if (height, width) == (size, size):
        return x
    tops = torch.randint(height - size + 1, (len(x),)).tolist()
    lefts = torch.randint(width - size + 1, (len(x),)).tolist()
    parts = [one[:, top : top + size, left : left + size] for one, top, left in zip(x, tops, lefts, strict=True)]
    return torch.stack(parts).contiguous(memory_format=torch.channels_last)
