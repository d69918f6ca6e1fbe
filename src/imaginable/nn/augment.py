"""What is done to every picture, real or made, before a discriminator sees it, so that few are not learned by heart.

diff: Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training", arXiv:2006.10738.
adaptive: Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data", arXiv:2006.06676.

Both rest on the same fact: where real and made pictures are changed alike, and the generator's gradient passes through
the change, the distributions of changed pictures agree only if those of the pictures do, as long as no change is so
frequent that it looks like the data's own. So the generator does not learn to make changed pictures.

Differs from the papers: adaptive has the colour changes and the cutout of diff, integer translations, and scaling and
rotation by a little in one bilinear resampling; no anisotropic scaling, hue, filters or noise. Mirroring is left to
`--flip`, which knows whether it is harmless. The strength follows the paper's r_v, with held-out items, and not its
r_t, the mean sign of training items' logits: small spectrally normalised players move all logits up and down by more
than they lie apart, so that says little of what is known by heart.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.core import distributed

Mode = Literal["none", "diff", "adaptive"]

FEW = 1_000
"""training pictures up to which it is said that there is augmentation (docs/guides/few-images.md)"""
TARGET = 0.5
"""share of the way from training items down to made ones at which held-out items are judged: beyond it D overfits"""
LARGEST_STRENGTH = 0.8
"""above it, changes leak into what is generated"""
_FASTEST = 1 / 5
"""share of the run that takes the strength from 0 to 1 in short runs"""
_NEWEST = 1 / 16
"""share of the newest measurement in the running means: a few hundred items, as in the paper"""
_SHIFT = 1 / 8  # of the side, at most
_ZOOM = 0.2  # deviation of log₂ of the factor
_ANGLE = math.pi / 12  # at most, either way


class Augment(nn.Module):
    """Square pictures (n, c, size, size) in [-1, 1], changed, in their own precision; every item has its own draws.

    none: as they are. diff: colour, translation and cutout, always. adaptive: those, scaling and rotation, each with
    probability `strength`. The strength begins at 0, where pictures are passed through untouched. It rises while
    r_v = (D_train - D_held_out) / (D_train - D_made), of mean logits, is above a half, and else falls: `note` in the
    discriminator's loss, and `adjust` once after its step.
    adjust_images: at most so many images take the strength from 0 to 1. The paper has 500,000, for runs of millions;
    in runs shorter than 500,000 images it is a fifth of the run, so that they too reach what they need.

    Draws come from torch's global generator. Points (n, d) pass through. Without batch statistics: items stay
    independent. Differentiable twice, as gradient penalties need.
    """

    def __init__(self, mode: Mode, adjust_images: int = 100_000) -> None:
        super().__init__()
        self.mode = mode
        self.adjust_images = adjust_images
        if mode == "adaptive":
            self.strength: Tensor
            self.gaps: Tensor
            self.newest: Tensor
            self.images: Tensor
            self.register_buffer("strength", torch.zeros(()))  # p
            self.register_buffer("gaps", torch.zeros(2))  # running means of D_train - D_held_out and D_train - D_made
            # since the last adjustment: logits of training, held-out and made items, summed, and their numbers
            self.register_buffer("newest", torch.zeros(3, 2))
            self.register_buffer("images", torch.zeros(()))  # judged since then

    def forward(self, x: Tensor) -> Tensor:
        if self.mode == "none" or x.ndim != 4 or (self.mode == "adaptive" and not self.strength):
            return x
        with torch.autocast(x.device.type, enabled=False):
            x = self._colour(x)
            x = self._place(x)
            return self._cut(x)

    @torch.no_grad()
    def note(self, real: Tensor, held_out: Tensor | None, made: Tensor) -> None:
        """Logits (n,) of items of the newest phase, or of a part of it; held-out ones where the batch has any."""
        self.images += len(real)
        if held_out is not None:
            kinds = (real, held_out, made)
            self.newest += torch.stack([torch.stack([one.sum(), one.new_tensor(len(one))]) for one in kinds])

    @torch.no_grad()
    def adjust(self, total: int) -> None:
        """p moves by (images noted) / pace towards r_v = 0.5; the same in all processes. total: images of the run."""
        ranks = distributed.ranks()
        newest = distributed.average(torch.cat([self.newest.flatten(), self.images[None]])) * ranks
        sums, images = newest[:-1].view(3, 2), newest[-1]
        if sums[0, 1]:
            train, held_out, made = sums[:, 0] / sums[:, 1]
            self.gaps.lerp_(torch.stack([train - held_out, train - made]), _NEWEST)
        self.strength += torch.where(self.overfitting > TARGET, images, -images) / self.pace(total)
        self.strength.clamp_(0, LARGEST_STRENGTH)
        self.newest.zero_()
        self.images.zero_()

    @property
    def overfitting(self) -> Tensor:
        """r_v, (): 0 where held-out items are judged as those trained on, 1 as made ones; 0 also where those pass."""
        to_held_out, to_made = self.gaps
        return torch.where(to_made > 0, to_held_out / to_made, 0.0)

    def pace(self, total: int) -> float:
        """Images that take the strength from 0 to 1 in a run of so many."""
        return min(self.adjust_images, _FASTEST * total)

    def _colour(self, x: Tensor) -> Tensor:
        brightness = self._sometimes(_uniform(x, -0.5, 0.5), 0)
        saturation = self._sometimes(_uniform(x, 0, 2), 1)
        contrast = self._sometimes(_uniform(x, 0.5, 1.5), 1)
        return recoloured(x, brightness, saturation, contrast)

    def _place(self, x: Tensor) -> Tensor:
        most = round(_SHIFT * x.shape[-1])
        shift = self._sometimes(_integers(x, -most, most), 0)
        if self.mode == "diff":
            still = x.new_zeros(len(x))
            return placed(x, shift, still + 1, still, "zeros")
        zoom = self._sometimes(torch.exp2(_ZOOM * torch.randn(len(x), device=x.device, dtype=x.dtype)), 1)
        angle = self._sometimes(_uniform(x, -_ANGLE, _ANGLE), 0)
        return placed(x, shift, zoom, angle, "reflection")

    def _cut(self, x: Tensor) -> Tensor:
        return cut(x, self._sometimes(_integers(x, 0, x.shape[-1] - 1), -math.inf))

    def _sometimes(self, drawn: Tensor, neutral: float) -> Tensor:
        """What was drawn for an item (n, ...), or in an adaptive augmentation else what leaves it as it is."""
        if self.mode == "diff":
            return drawn
        chosen = torch.rand(len(drawn), *[1] * (drawn.ndim - 1), device=drawn.device) < self.strength
        return torch.where(chosen, drawn, neutral)


def _uniform(x: Tensor, least: float, most: float) -> Tensor:
    """A number for every item of x, (n,)."""
    return least + (most - least) * torch.rand(len(x), device=x.device, dtype=x.dtype)


def _integers(x: Tensor, least: int, most: int) -> Tensor:
    """Two whole numbers for every item of x, both ends included, (n, 2)."""
    return torch.randint(least, most + 1, (len(x), 2), device=x.device).to(x.dtype)


def recoloured(x: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    """b is added, colours go s times as far from their pixel's grey, and that c times as far from the item's mean.

    x: (n, c, h, w); grey pictures have no saturation. The others: (n,); 0, 1 and 1 change nothing. As one affine map:
    c (s x + (1 - s) grey) + (1 - c) mean + b, where grey is the mean over channels.
    """
    b, s, c = (one.view(-1, 1, 1, 1) for one in (brightness, saturation, contrast))
    coloured = s * x + (1 - s) * x.mean(1, keepdim=True) if x.shape[1] > 1 else x
    return c * coloured + (1 - c) * x.mean((1, 2, 3), keepdim=True) + b


def placed(x: Tensor, shift: Tensor, zoom: Tensor, angle: Tensor, padding: Literal["zeros", "reflection"]) -> Tensor:
    """x zoomed and turned about its centre, then shifted, in one bilinear resampling.

    x: (n, c, size, size). shift: (n, 2), pixels to the right and down. zoom: (n,), above 1 enlarges. angle: (n,),
    radians counter-clockwise. padding: what is seen beyond the picture's edge.
    """
    size = x.shape[-1]
    # every pixel asks where it came from: first in pixels from the centre, then in halves of the side
    pixels = torch.arange(size, device=x.device, dtype=x.dtype) - (size - 1) / 2
    right = (pixels - shift[:, 0, None])[:, None, :]  # (n, 1, size)
    down = (pixels - shift[:, 1, None])[:, :, None]  # (n, size, 1)
    cos, sin = ((of(angle) / zoom)[:, None, None] for of in (torch.cos, torch.sin))
    source = torch.stack([cos * right - sin * down, sin * right + cos * down], dim=-1) * (2 / size)
    resampled: Tensor = _Resample.apply(x, source, padding)  # type: ignore[no-untyped-call]
    return resampled


def cut(x: Tensor, centre: Tensor) -> Tensor:
    """A box of half the sides becomes grey (0). centre: (n, 2), column and row; a box at the edge is cut off there."""
    size = x.shape[-1]
    offset = torch.arange(size, device=x.device) - centre[:, :, None]  # (n, 2, size)
    inside = (offset >= -(size // 4)) & (offset < size // 2 - size // 4)
    return x.masked_fill(inside[:, None, 0, None, :] & inside[:, None, 1, :, None], 0.0)


class _Resample(torch.autograd.Function):
    """grid_sample at given places, differentiable in x as often as wished.

    torch's own could be differentiated once in the older releases that the package supports; as it is linear in x,
    its gradient is its transpose and the gradient of that is itself.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, source: Tensor, padding: str) -> Tensor:
        ctx.save_for_backward(source)
        ctx.shape, ctx.padding = x.shape, padding
        return F.grid_sample(x, source, padding_mode=padding, align_corners=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return _Transpose.apply(gradients[0], ctx.saved_tensors[0], ctx.padding, ctx.shape), None, None  # type: ignore[no-untyped-call]


class _Transpose(torch.autograd.Function):
    """What `_Resample` does to gradients."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, source: Tensor, padding: str, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(source)
        ctx.padding = padding
        with torch.enable_grad():
            x = gradient.new_zeros(shape).requires_grad_()
            y = F.grid_sample(x, source, padding_mode=padding, align_corners=False)
        return torch.autograd.grad(y, x, gradient)[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return _Resample.apply(gradients[0], ctx.saved_tensors[0], ctx.padding), None, None, None  # type: ignore[no-untyped-call]
