"""The hinge game at logits that are known, and classes that go where they should."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods._adversarial import Adversaries
from imaginable.methods._of_classes import fake_classes
from imaginable.methods.sngan import Sngan

NOW = Progress(0, 100, 0)
SPEC = DataSpec("images", (1, 32, 32), classes=("a", "b", "c"), count=10)


class Watched(nn.Module):
    """Answers the same logit always, and keeps the labels it was told."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit, self.told = logit, list[Tensor | None]()

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        self.told.append(label)
        return torch.full((len(x),), self.logit) + 0 * x.flatten(1).sum(1)


def built(logit: float | None = None, classes: bool = True) -> tuple[Sngan, Adversaries, Batch]:
    torch.manual_seed(0)
    method = Sngan(latents=4, width=4)
    nets = method.networks(SPEC if classes else DataSpec("images", (1, 32, 32), count=10), {})
    if logit is not None:
        nets.discriminator = Watched(logit)
    return method, nets, Batch(torch.randn(4, 1, 32, 32), label=torch.tensor([0, 2, -1, 1]))


@pytest.mark.parametrize(("logit", "discriminator"), [(0.0, 2.0), (0.5, 2.0), (3.0, 4.0), (-2.0, 3.0)])
def test_the_losses_are_the_papers_hinge_not_halved(logit: float, discriminator: float) -> None:
    method, nets, batch = built(logit)
    assert method.discriminator_loss(nets, batch, NOW).total.item() == pytest.approx(discriminator)
    assert method.generator_loss(nets, batch, NOW).total.item() == pytest.approx(-logit)


def test_the_discriminator_is_told_the_real_ones_labels_and_the_fakes_own() -> None:
    method, nets, batch = built(0.0)
    method.discriminator_loss(nets, batch, NOW)
    real, fake = nets.discriminator.told  # type: ignore[misc]
    assert real is batch.label
    assert [int(one) for one in fake][:2] == [0, 2]  # type: ignore[union-attr]
    assert int(fake[2]) in (0, 1, 2)  # type: ignore[index]


def test_five_steps_to_one_and_every_step_on_fakes_of_its_own() -> None:
    method, nets, batch = built()
    assert [(phase.player, phase.repeat, phase.draw) for phase in method.phases()] == [
        ("discriminator", 5, None),
        ("generator", 1, None),
    ]
    seen = []
    nets.generator.register_forward_hook(lambda _module, _inputs, out: seen.append(out))
    for _ in range(2):
        method.discriminator_loss(nets, batch, NOW)
    assert not seen[0].requires_grad
    assert not torch.equal(*seen)


def test_fakes_of_unknown_items_have_random_classes_and_others_the_items() -> None:
    torch.manual_seed(0)
    x = torch.zeros(3000, 1)
    label = torch.arange(3000) % 4 - 1
    chosen = fake_classes(Batch(x, label=label), 3)
    assert chosen is not None
    assert torch.equal(chosen[label >= 0], label[label >= 0])
    shares = torch.bincount(chosen[label < 0], minlength=3) / 750
    assert float((shares - 1 / 3).abs().max()) < 0.07  # four standard errors
    assert fake_classes(Batch(x, label=label), 0) is None
    unlabelled = fake_classes(Batch(x), 3)
    assert unlabelled is not None
    assert set(unlabelled.tolist()) == {0, 1, 2}


@torch.no_grad()
def test_decode_draws_the_class_asked_for_and_unknown_is_the_same_as_none() -> None:
    method, nets, _ = built()
    for name, parameter in nets.generator.named_parameters():
        if "scale" in name or "shift" in name:
            parameter.normal_()
    nets.eval()
    z = torch.randn(1, 4).expand(3, -1)
    each = method.decode(nets, z, torch.arange(3))
    assert each.shape == (3, 1, 32, 32)
    assert torch.equal(each, method.decode(nets, z, torch.arange(3)))
    for one, two in ((0, 1), (1, 2), (0, 2)):
        assert not torch.allclose(each[one], each[two])
    torch.testing.assert_close(method.decode(nets, z[:1], torch.tensor([2])), each[2:])
    assert torch.equal(method.decode(nets, z, torch.full((3,), -1)), method.decode(nets, z))


def test_without_classes_it_is_an_unconditional_gan() -> None:
    method, nets, batch = built(classes=False)
    assert not any("projection" in name or "scale" in name for name, _ in nets.named_parameters())
    assert torch.isfinite(method.discriminator_loss(nets, batch, NOW).total)
    assert torch.isfinite(method.generator_loss(nets, batch, NOW).total)
