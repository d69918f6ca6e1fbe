"""The VAE's objective is the bound itself, and its variance the one that maximises it."""

import math
from typing import get_args

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods._output import Output, OutputName
from imaginable.methods._variational import VaeNetworks, posterior
from imaginable.methods.vae import Vae

SPEC = DataSpec("images", (1, 16, 16), count=10)
DONE = Progress(50, 100, 5)


def built(**fields: object) -> tuple[Vae, VaeNetworks, Batch]:
    torch.manual_seed(0)
    method = Vae(latents=3, width=8, **fields)  # type: ignore[arg-type]
    return method, method.networks(SPEC, {}), Batch(torch.rand(6, 1, 16, 16) * 2 - 1)


def test_with_beta_one_the_loss_is_the_negative_bound() -> None:
    method, nets, batch = built()
    torch.manual_seed(1)
    loss = method.negative_bound(nets, batch, DONE)
    torch.manual_seed(1)
    mean, log_variance = posterior(nets, batch.x)
    q = Normal(mean, (0.5 * log_variance).exp())
    z = mean + q.scale * torch.randn_like(mean)
    shown = nets.autoencoder.decoder(z)
    log_likelihood = Normal(shown, nets.autoencoder.output.variance.sqrt()).log_prob(batch.x).sum((1, 2, 3))
    bound = (log_likelihood - kl_divergence(q, Normal(0.0, 1.0)).sum(1)).mean()
    assert loss.total.item() == pytest.approx(-bound.item(), rel=1e-5)
    assert float(loss.terms["bound"]) == pytest.approx(bound.item(), rel=1e-5)


@pytest.mark.parametrize(("fraction", "weight"), [(0, 0.0), (5, 0.5), (10, 1.0), (90, 1.0)])
def test_the_kl_terms_weight_rises_over_the_warmup(fraction: int, weight: float) -> None:
    method, nets, batch = built(beta=2.0, kl_warmup=0.1)
    loss = method.negative_bound(nets, batch, Progress(fraction, 100, 0))
    expected = loss.terms["reconstruction"] + 2.0 * weight * loss.terms["kl"]
    assert loss.total.item() == pytest.approx(float(expected), rel=1e-5)


def test_the_solved_variance_is_the_mean_squared_error_which_maximises_the_likelihood() -> None:
    _method, nets, batch = built()
    output = nets.autoencoder.output
    shown = torch.zeros_like(batch.x)
    for _ in range(200):
        output.log_likelihood(batch.x, shown)
        output.solve_variance()
    assert float(output.variance) == pytest.approx(float(batch.x.square().mean()), rel=1e-4)
    best = float(output.log_likelihood(batch.x, shown).mean())
    for factor in (0.9, 1.1):
        output.variance *= factor
        assert float(output.log_likelihood(batch.x, shown).mean()) < best
        output.variance /= factor


def test_the_variance_stops_at_the_pictures_own_rounding() -> None:
    _, nets, batch = built()
    output = nets.autoencoder.output
    for _ in range(500):
        output.log_likelihood(batch.x, batch.x)
        output.solve_variance()
    assert float(output.variance.sqrt()) == pytest.approx(2 / 255 / math.sqrt(12), rel=1e-4)


def test_evaluating_does_not_move_the_variance() -> None:
    _, nets, batch = built()
    nets.eval()
    nets.autoencoder.output.log_likelihood(batch.x, torch.zeros_like(batch.x))
    assert float(nets.autoencoder.output.newest.abs().sum()) == 0.0


def test_a_point_decodes_outside_the_range_of_pictures() -> None:
    method = Vae(latents=2, hidden=8)
    nets = method.networks(DataSpec("points", (2,)), {})
    with torch.no_grad():
        for parameter in nets.parameters():
            parameter.fill_(3.0)
    assert method.decode(nets, torch.ones(1, 2)).min().item() > 1.0


def test_free_bits_cost_nothing_below_their_number() -> None:
    method, nets, batch = built(free_bits=1000.0, kl_warmup=0.0)
    loss = method.negative_bound(nets, batch, DONE)
    assert loss.total.item() == pytest.approx(float(loss.terms["reconstruction"]) + 3 * 1000.0, rel=1e-5)
    loss.total.backward()
    assert float(loss.terms["bound"]) == pytest.approx(
        -float(loss.terms["reconstruction"]) - float(loss.terms["kl"]), rel=1e-5
    )


@pytest.mark.parametrize("output", get_args(OutputName))
def test_every_output_has_a_gradient_and_a_mean_in_range(output: OutputName) -> None:
    for channels in (1, 3):
        method = Vae(latents=3, width=8, output=output)
        nets = method.networks(DataSpec("images", (channels, 16, 16), count=10), {})
        loss = method.negative_bound(nets, Batch(torch.rand(6, channels, 16, 16) * 2 - 1), DONE)
        loss.total.backward()
        assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in nets.parameters())
        shown = method.decode(nets, 100 * torch.randn(4, 3))
        assert shown.shape == (4, channels, 16, 16)
        assert float(shown.detach().abs().max()) <= 1


def test_a_fixed_deviation_stays_and_a_learned_one_reaches_the_error() -> None:
    fixed, learned = (Output(name, SPEC, 0.3) for name in ("gaussian-fixed", "gaussian-learned"))  # type: ignore[arg-type]
    x = 0.2 * torch.randn(50, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    descent = torch.optim.Adam(learned.parameters(), 0.01)
    for _ in range(300):
        loss = -learned.log_likelihood(x, torch.zeros_like(x)).mean()
        descent.zero_grad()
        loss.backward()
        descent.step()
    assert fixed.log_deviation().exp().item() == pytest.approx(0.3)
    assert learned.log_deviation().exp().item() == pytest.approx(x.square().mean().sqrt().item(), rel=0.01)
