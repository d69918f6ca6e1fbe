"""The game's losses against their formulas."""

import torch

from imaginable.objectives.adversarial import discriminator_loss, minimax_loss, nonsaturating_loss


def test_formulas_per_item() -> None:
    real, fake = torch.randn(2, 7) * 4
    d_real, d_fake = torch.sigmoid(real), torch.sigmoid(fake)
    assert torch.allclose(discriminator_loss(real, fake), -d_real.log() - (1 - d_fake).log(), atol=1e-5)
    assert torch.allclose(minimax_loss(fake), (1 - d_fake).log(), atol=1e-5)
    assert torch.allclose(nonsaturating_loss(fake), -d_fake.log(), atol=1e-5)
    assert nonsaturating_loss(fake).shape == (7,)


def test_large_logits_stay_finite() -> None:
    far = torch.tensor([-1e4, 1e4])
    for loss in (discriminator_loss(far, far), minimax_loss(far), nonsaturating_loss(far)):
        assert bool(torch.isfinite(loss).all())
