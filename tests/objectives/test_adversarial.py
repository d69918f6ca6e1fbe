"""The players' losses against the formulas of Goodfellow et al. 2014."""

import torch

from imaginable.objectives.adversarial import discriminator_loss, minimax_loss, nonsaturating_loss

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
