"""DRAEM: learns from good pictures alone to restore spoilt ones, and to point at what had to be restored.

Zavrtanik, Kristan & Skočaj 2021, "DRAEM - A discriminatively trained reconstruction embedding for surface anomaly
detection", arXiv:2108.07610.

Objective, averaged over items (sections 3.1 to 3.3). A good picture x is spoilt in a small part, x' with truth M where
it changed; x̂ = R(x') is what the restoring network makes of it, M̂ = σ(S(x', x̂)) what the pointing one sees:
    L_rec = mean (x - x̂)²,    L_seg = - mean (1 - p)^γ log p,    p = M̂ where M is 1, 1 - M̂ where it is 0,
    both networks descend     L_rec + L_seg.
The second is the focal loss (Lin et al. 2017, arXiv:1708.02002, equation 4): what is easy, and nearly all of a picture
is, counts little. The score of a picture (section 3.4) is the maximum of M̂ averaged over windows of f x f pixels.

Against an autoencoder: what counts is not how large a difference is but whether it looks like one that defects make;
edges that are always drawn a little wrong are learned to be harmless.

Differs from the paper: spoilt with parts of the pictures themselves, and not with a data set of textures
(nn/defects.py); no SSIM term; group norm for batch norm, so that items stay independent; smaller networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.core.optimizers import Adam, Optimizer, Schedule
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._method import Method, Phase, Trained
from imaginable.networks.draem import Restorer, Segmenter
from imaginable.nn.defects import blemishes
from imaginable.objectives.reconstruction import focal_loss, squared_error


class Detector(nn.Module):
    """Both networks: they descend the same loss, and the gradient of S reaches R."""

    def __init__(self, restorer: Restorer, segmenter: Segmenter) -> None:
        super().__init__()
        self.restorer = restorer
        self.segmenter = segmenter

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The restored picture (n, c, h, w) and logits (n, 1, h, w), high = spoilt."""
        restored = self.restorer(x)
        return restored, self.segmenter(torch.cat([x, restored], dim=1))


class DraemNetworks(nn.Module):
    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector


@final
@dataclass(frozen=True)
class Draem(Method[DraemNetworks]):
    """DRAEM, restores and points at what had to be restored (Zavrtanik et al. 2021)."""

    paper = "Zavrtanik, Kristan & Skočaj 2021, DRAEM, arXiv:2108.07610"
    consumes = frozenset({"images"})
    averaged = ("detector",)
    sizes = Sizes(least=16, most=512, step=16)
    presets: ClassVar = {"small": {"width": 8, "restorer_width": 16}, "base": {}, "paper": {"width": 64, "window": 21}}

    width: int = 16
    """channels of the pointing network beside the picture; doubled at every halving of the side"""
    restorer_width: int = 32
    """channels of the restoring network at half the side"""
    levels: int = 4
    """halvings of the side in both"""
    spoilt: float = 0.75
    """share of the pictures that are spoilt; the others show what nothing is wrong with"""
    gamma: float = 2.0
    """of the focal loss: how little counts what is easy"""
    window: int = 5
    """f, pixels on a side of the windows that the score is the greatest mean of"""
    lr: float = 1e-3
    """Adam's learning rate"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> DraemNetworks:
        channels = spec.shape[0]
        restorer = Restorer(channels, self.restorer_width, self.levels)
        return DraemNetworks(Detector(restorer, Segmenter(channels, self.width, self.levels)))

    def optimizers(self) -> dict[str, Optimizer]:
        return {"detector": Adam(self.lr, schedule=Schedule("cosine", decay_from=0.3, warmup=0.02))}

    def phases(self) -> tuple[Phase[DraemNetworks], ...]:
        return (Phase("detector", self.loss),)

    def loss(self, nets: DraemNetworks, batch: Batch, progress: Progress) -> Loss:
        spoilt, truth = blemishes(batch.x, self.spoilt)
        restored, logits = nets.detector(spoilt)
        restoration = squared_error(batch.x, restored).mean() / batch.x[0].numel()
        pointing = focal_loss(logits, truth, self.gamma).mean()
        return Loss(restoration + pointing, restoration=restoration, pointing=pointing)

    def score(self, nets: DraemNetworks, x: Tensor) -> tuple[Tensor, Tensor]:
        _, logits = nets.detector(x)
        seen = torch.sigmoid(logits)
        means = F.avg_pool2d(seen, self.window, stride=1, padding=self.window // 2, count_include_pad=False)
        return means.flatten(1).amax(1), seen[:, 0]
