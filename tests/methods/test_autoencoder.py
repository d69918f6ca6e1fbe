"""The denoising autoencoder finds the best linear denoiser, which is known where the data is Gaussian."""

import pytest
import torch
from torch import nn

from imaginable.core.types import Batch, Progress
from imaginable.methods.autoencoder import Autoencoder, AutoencoderNetworks, Halves

NOW = Progress(0, 100, 0)


@pytest.mark.parametrize(("deviation", "noise"), [(1.0, 1.0), (1.0, 0.5), (2.0, 1.0)])
def test_the_trained_map_is_wieners_shrinkage(deviation: float, noise: float) -> None:
    torch.manual_seed(0)
    method, dimensions = Autoencoder(denoise=noise), 3
    linear = nn.Linear(dimensions, dimensions, bias=False)
    nets = AutoencoderNetworks(Halves(linear, nn.Identity()))
    optimizer = torch.optim.Adam(linear.parameters(), 0.02)
    for step in range(600):
        optimizer.param_groups[0]["lr"] = 0.02 * (1 - step / 600)
        optimizer.zero_grad()
        method.reconstruction_loss(nets, Batch(deviation * torch.randn(1024, dimensions)), NOW).total.backward()
        optimizer.step()
    shrinkage = deviation**2 / (deviation**2 + noise**2)
    torch.testing.assert_close(linear.weight.detach(), shrinkage * torch.eye(dimensions), atol=0.02, rtol=0)
    # and what is left of x - shrinkage (x + noise) is the posterior's variance
    loss = method.reconstruction_loss(nets, Batch(deviation * torch.randn(200_000, dimensions)), NOW)
    assert float(loss.terms["error"]) == pytest.approx(shrinkage * noise**2, rel=0.02)


def test_without_noise_the_input_itself_is_encoded() -> None:
    nets = AutoencoderNetworks(Halves(nn.Identity(), nn.Identity()))
    assert Autoencoder().reconstruction_loss(nets, Batch(torch.randn(4, 3)), NOW).total.item() == 0.0


def test_encoding_adds_no_noise() -> None:
    nets, x = AutoencoderNetworks(Halves(nn.Identity(), nn.Identity())), torch.randn(4, 3)
    assert torch.equal(Autoencoder(denoise=1.0).encode(nets, x), x)
