"""The ordinary form of the steps of pix2pix and CycleGAN: eager float32, NCHW, torch's Adam as it comes, no player
frozen. As the authors' code writes them, with translations made once a step."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.nn.normalization import InstanceNorm
from ordinary_gans import Step


def translating_step(method: Any, nets: Any, a: Tensor, b: Tensor) -> Step:
    """One cycle on these pictures of A and B."""
    for layer in nets.modules():
        if isinstance(layer, InstanceNorm):
            layer.forward = partial(F.instance_norm, weight=layer.weight, bias=layer.bias)
    return _pix2pix(method, nets, a, b) if "generator" in method.averaged else _cyclegan(method, nets, a, b)


def _adam(method: Any, module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), method.lr, (method.beta1, 0.999))


def _pix2pix(method: Any, nets: Any, x: Tensor, y: Tensor) -> Step:
    generating, judging = _adam(method, nets.generator), _adam(method, nets.critic)

    def judged(picture: Tensor) -> Tensor:
        logits: Tensor = nets.critic(torch.cat([x, picture], 1))
        return logits

    def step() -> None:
        made = nets.generator(x)
        judging.zero_grad()
        real, fake = judged(y), judged(made.detach())
        (0.5 * (_cross_entropy(real, 1.0) + _cross_entropy(fake, 0.0))).backward()
        judging.step()
        generating.zero_grad()
        (_cross_entropy(judged(made), 1.0) + method.absolute * F.l1_loss(made, y)).backward()
        generating.step()

    return step


def _cross_entropy(logits: Tensor, truth: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, truth))


def _cyclegan(method: Any, nets: Any, a: Tensor, b: Tensor) -> Step:
    generating, judging = _adam(method, nets.generators), _adam(method, nets.critics)
    to_a, to_b, critics, pools = nets.generators.a, nets.generators.b, nets.critics, nets.pools

    def losses(made_a: Tensor, made_b: Tensor) -> Iterable[Tensor]:
        yield _square(critics.a(made_a), 1.0) + _square(critics.b(made_b), 1.0)
        yield method.cycle * (F.l1_loss(to_a(made_b), a) + F.l1_loss(to_b(made_a), b))
        yield method.identity * method.cycle * (F.l1_loss(to_a(a), a) + F.l1_loss(to_b(b), b))

    def step() -> None:
        made_a, made_b = to_a(b), to_b(a)
        generating.zero_grad()
        sum(losses(made_a, made_b), torch.zeros(())).backward()
        generating.step()
        judging.zero_grad()
        for critic, pool, real, made in ((critics.a, pools.a, a, made_a), (critics.b, pools.b, b, made_b)):
            (0.5 * (_square(critic(real), 1.0) + _square(critic(pool.mixed(made)), 0.0))).backward()
            pool.keep()
        judging.step()

    return step


def _square(logits: Tensor, truth: float) -> Tensor:
    return F.mse_loss(logits, torch.full_like(logits, truth))
