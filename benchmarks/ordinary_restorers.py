"""The ordinary form of the steps of SRGAN and inpainting: eager float32, NCHW, torch's Adam as it comes, no player
frozen but the network whose features are compared. As in those of pix2pix, pictures are made once a step."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.methods.inpainting import error_in, where_touched
from imaginable.networks.gated import GatedConvolution
from imaginable.nn.degrade import cropped
from imaginable.nn.holes import drawn_holes
from imaginable.objectives.adversarial import hinge_discriminator_loss, hinge_generator_loss, relativistic_loss
from imaginable.objectives.perceptual import perceptual_distance
from ordinary_gans import Step


def restoring_step(method: Any, nets: Any, x: Tensor, at: float) -> Step:
    """One cycle on these pictures, at that fraction of the run."""
    if method.task == "inpaint":
        return _inpainting(method, nets, x)
    return _pixels(method, nets, x) if at < method.pixel_share else _sharp(method, nets, x)


def _adam(method: Any, player: str, module: nn.Module) -> torch.optim.Optimizer:
    rule = method.optimizers()[player]
    return torch.optim.Adam(module.parameters(), rule.lr, rule.betas)


def _pixels(method: Any, nets: Any, x: Tensor) -> Step:
    adam = _adam(method, "generator", nets.generator.pixel)

    def step() -> None:
        crops = cropped(x, method.crop).contiguous()
        adam.zero_grad()
        F.l1_loss(nets.generator.pixel(method.degradation(crops)), crops).backward()
        adam.step()

    return step


def _sharp(method: Any, nets: Any, x: Tensor) -> Step:
    generating = _adam(method, "generator", nets.generator.sharp)
    judging = _adam(method, "discriminator", nets.discriminator)
    nets.features.requires_grad_(False)

    def step() -> None:
        crops = cropped(x, method.crop).contiguous()
        made = nets.generator.sharp(method.degradation(crops))
        judging.zero_grad()
        relativistic_loss(nets.discriminator(crops), nets.discriminator(made.detach())).mean().backward()
        judging.step()
        generating.zero_grad()
        game = relativistic_loss(nets.discriminator(made), nets.discriminator(crops).detach()).mean()
        features = perceptual_distance(nets.features.features, crops, made).mean()
        error = F.l1_loss(made, crops)
        (method.pixel * error + method.feature * features + method.adversarial * game).backward()
        generating.step()

    return step


def _inpainting(method: Any, nets: Any, x: Tensor) -> Step:
    for layer in nets.modules():
        if isinstance(layer, GatedConvolution):
            layer.forward = _Gated(layer.both)
    generating, judging = _adam(method, "generator", nets.generator), _adam(method, "critic", nets.critic)
    n, _, height, width = x.shape

    def step() -> None:
        hole = drawn_holes(n, height, width, method.holes, x.device)
        made = nets.generator(x, hole)
        filled = x * (1 - hole) + made[-1] * hole
        judging.zero_grad()
        real, fake = nets.critic(x, hole), nets.critic(filled.detach(), hole)
        where_touched(hole, hinge_discriminator_loss(real, fake)).mean().backward()
        judging.step()
        generating.zero_grad()
        error = torch.stack([error_in(hole, x, one).mean() for one in made]).sum()
        game = where_touched(hole, hinge_generator_loss(nets.critic(filled, hole))).mean()
        (error + method.adversarial * game).backward()
        generating.step()

    return step


class _Gated:
    """The layer without its copies, which NCHW has no use for."""

    def __init__(self, both: nn.Module) -> None:
        self.both = both

    def __call__(self, x: Tensor) -> Tensor:
        features, gate = self.both(x).chunk(2, 1)
        return F.elu(features) * torch.sigmoid(gate)
