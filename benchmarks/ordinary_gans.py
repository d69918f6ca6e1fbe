"""The ordinary form of the GANs' steps: eager float32, NCHW, torch's optimisers as they come, no player frozen.

As tutorials write them: a pass for real items and one for made ones; a gradient penalty with a forward of its own;
weights normalised anew at every forward; fakes made anew for each player where the paper's algorithm does so.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.nn.convolution import Convolution
from imaginable.objectives.penalties import gradient_penalty, orthogonality, squared_gradient_norm

Step = Callable[[], None]
Critic = Callable[[Tensor], Tensor]


def adversarial_step(method: Any, nets: Any, real: Tensor) -> Step:
    """One cycle: the discriminator's steps and one of the generator."""
    take_back(nets)
    discriminator_loss, generator_loss, reuses = GAMES[type(method).__name__](method)
    generator, discriminator = nets.generator, nets.discriminator
    descend = {name: _optimizer(method, name, nets.get_submodule(name)) for name in ("generator", "discriminator")}

    def make() -> Tensor:
        fake: Tensor = generator(torch.randn(len(real), method.latents))
        return fake

    def step() -> None:
        for _ in range(getattr(method, "critic_steps", 1)):
            fake = make()
            descend["discriminator"].zero_grad()
            discriminator_loss(discriminator, real, fake.detach())
            descend["discriminator"].step()
            if type(method).__name__ == "Wgan":
                for weight in discriminator.parameters():
                    weight.data.clamp_(-method.clip, method.clip)
        descend["generator"].zero_grad()
        loss = generator_loss(discriminator, real, fake if reuses else make())
        if hasattr(method, "orthogonal"):
            weights = [weight for weight in generator.parameters() if weight.ndim > 1]
            loss = loss + method.orthogonal * torch.stack([orthogonality(weight) for weight in weights]).sum()
        loss.backward()
        descend["generator"].step()

    return step


def _optimizer(method: Any, player: str, module: nn.Module) -> torch.optim.Optimizer:
    rule = method.optimizers()[player]
    if hasattr(rule, "alpha"):
        return torch.optim.RMSprop(module.parameters(), rule.lr)
    return torch.optim.Adam(module.parameters(), rule.lr, rule.betas)


def take_back(nets: nn.Module) -> None:
    """Undoes what is quick in the networks: torch's own convolutions, and no change to channels_last (the copy back
    is one of small features)."""
    for layer in nets.modules():
        if isinstance(layer, Convolution):
            layer.__class__ = nn.Conv2d  # the same parameters

    def contiguous(_: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return given[0].contiguous(), *given[1:]

    for name in ("generator.layers", "generator.blocks.0", "generator.stages.0", "discriminator.first"):
        if name in dict(nets.named_modules()):
            nets.get_submodule(name).register_forward_pre_hook(contiguous)


def _apart(on_real: Critic, on_fake: Critic) -> Callable[[nn.Module, Tensor, Tensor], None]:
    """A discriminator's loss whose halves are descended one after the other."""

    def loss(discriminator: nn.Module, real: Tensor, fake: Tensor) -> None:
        on_real(discriminator(real)).backward()
        on_fake(discriminator(fake)).backward()

    return loss


def _told(on_fake: Critic) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    return lambda discriminator, real, fake: on_fake(discriminator(fake))


def _entropy(method: Any) -> Any:
    def of(target: float) -> Critic:
        return lambda logits: F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))

    return _apart(of(1), of(0)), _told(of(1)), True


def _squares(method: Any) -> Any:
    def of(target: float) -> Critic:
        return lambda logits: 0.5 * F.mse_loss(logits, torch.full_like(logits, target))

    return _apart(of(1), of(0)), _told(of(1)), True


def _wasserstein(method: Any) -> Any:
    return _apart(lambda real: -real.mean(), lambda fake: fake.mean()), _told(lambda fake: -fake.mean()), False


def _penalised(method: Any) -> Any:
    def loss(discriminator: nn.Module, real: Tensor, fake: Tensor) -> None:
        distance = discriminator(real).mean() - discriminator(fake).mean()
        (method.penalty * gradient_penalty(discriminator, real, fake).mean() - distance).backward()

    return loss, _told(lambda fake: -fake.mean()), False


def _hinge(method: Any) -> Any:
    apart = _apart(lambda real: F.relu(1 - real).mean(), lambda fake: F.relu(1 + fake).mean())
    return apart, _told(lambda fake: -fake.mean()), False


def _relativistic(method: Any) -> Any:
    steps = 0

    def loss(discriminator: nn.Module, real: Tensor, fake: Tensor) -> None:
        nonlocal steps
        total = F.softplus(discriminator(fake) - discriminator(real)).mean()
        if steps % method.penalty_every == 0:
            slopes = squared_gradient_norm(discriminator, real) + squared_gradient_norm(discriminator, fake)
            total = total + method.penalty_every * method.gamma / 2 * slopes.mean()
        steps += 1
        total.backward()

    return loss, lambda judge, real, fake: F.softplus(judge(real) - judge(fake)).mean(), True


GAMES: dict[str, Callable[[Any], Any]] = {
    "Gan": _entropy,
    "Dcgan": _entropy,
    "Lsgan": _squares,
    "Wgan": _wasserstein,
    "WganGp": _penalised,
    "Sngan": _hinge,
    "Sagan": _hinge,
    "Biggan": _hinge,
    "R3gan": _relativistic,
}
"""of every method: the discriminator's loss, which it descends; the generator's; whether both players see the same
fakes"""
