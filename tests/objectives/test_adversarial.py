"""The players' losses against the formulas of Goodfellow et al. 2014, Lim & Ye 2017 and Esser et al. 2021."""

import pytest
import torch

from imaginable.objectives.adversarial import (
    adaptive_weight,
    discriminator_loss,
    hinge_discriminator_loss,
    hinge_generator_loss,
    minimax_loss,
    nonsaturating_loss,
)

REAL, FAKE = torch.tensor([-4.0, 0.0, 1.0, 5.0]), torch.tensor([3.0, 0.0, -2.0, -6.0])


def test_the_discriminator_descends_the_negative_of_equation_1() -> None:
    expected = -REAL.sigmoid().log() - (1 - FAKE.sigmoid()).log()
    torch.testing.assert_close(discriminator_loss(REAL, FAKE), expected)
    assert discriminator_loss(REAL, FAKE).shape == (4,)


def test_the_generator_descends_either_form() -> None:
    torch.testing.assert_close(minimax_loss(FAKE), (1 - FAKE.sigmoid()).log())
    torch.testing.assert_close(nonsaturating_loss(FAKE), -FAKE.sigmoid().log())


def test_far_logits_stay_finite() -> None:
    far = torch.tensor([-1e4, 1e4])
    for loss in (discriminator_loss(far, far.flip(0)), minimax_loss(far), nonsaturating_loss(far)):
        assert bool(torch.isfinite(loss).all())


def test_the_hinge_counts_nothing_beyond_its_margin() -> None:
    real, fake = torch.tensor([[-1.0, 0.5], [1.0, 7.0]]), torch.tensor([[-5.0, -1.0], [0.0, 2.0]])
    torch.testing.assert_close(hinge_discriminator_loss(real, fake), torch.tensor([[1.0, 0.25], [0.5, 1.5]]))
    torch.testing.assert_close(hinge_generator_loss(fake), -fake)


def test_the_adaptive_weight_is_the_ratio_of_the_gradients_at_the_last_layer() -> None:
    hidden, last = torch.tensor([3.0, 4.0]), torch.tensor([1.0, 1.0], requires_grad=True)
    out = last @ hidden  # gradient of out at the last layer: (3, 4), norm 5
    reconstruction, adversarial = out.square() / 2, -0.25 * out  # slopes 7 and -0.25
    weight = adaptive_weight(reconstruction, adversarial, last)
    assert weight.item() == pytest.approx(7 / 0.25, rel=1e-5)
    assert not weight.requires_grad
    assert last.grad is None
    (reconstruction + weight * adversarial).backward()  # the graphs are still there
    assert last.grad is not None
    assert last.grad.norm().item() == pytest.approx(0.0, abs=1e-4), "equal and opposite pulls"


def test_the_adaptive_weight_stays_within_its_limit() -> None:
    last = torch.ones(2, requires_grad=True)
    assert adaptive_weight(last.sum(), 0 * last.sum(), last).item() == 1e4
    assert adaptive_weight(last.sum(), 0 * last.sum(), last, most=7).item() == 7
