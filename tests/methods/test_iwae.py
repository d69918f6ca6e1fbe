"""IWAE: its value is its bound, its weights the softmax of log w, and both gradients the same on average."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods._output import Output
from imaginable.methods._variational import Autoencoding, VaeNetworks, draws, log_weights_of, posterior
from imaginable.methods.iwae import Iwae

DONE = Progress(50, 100, 5)
SPEC = DataSpec("points", (2,), count=10)


def small() -> VaeNetworks:
    """Linear, in double precision, with a posterior that is far from exact."""
    torch.manual_seed(0)
    output = Output("gaussian-fixed", SPEC, 0.7)
    return VaeNetworks(Autoencoding(nn.Linear(2, 4), nn.Linear(2, 2), output), 10).double()


X = torch.tensor([[0.5, -1.0], [1.5, 0.3], [-0.2, 0.9]], dtype=torch.float64)


def gradients(method: Iwae, nets: VaeNetworks, seed: int) -> dict[str, Tensor]:
    nets.zero_grad()
    torch.manual_seed(seed)
    method.negative_bound(nets, Batch(X), DONE).total.backward()
    return {name: p.grad.clone() for name, p in nets.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("gradient", ["standard", "doubly"])
def test_the_reported_value_is_the_bound(gradient: Any) -> None:
    method, nets = Iwae(latents=2, samples=7, gradient=gradient), small()
    torch.manual_seed(1)
    loss = method.negative_bound(nets, Batch(X), DONE)
    torch.manual_seed(1)
    mean, log_variance = posterior(nets, X)
    log_weights = log_weights_of(nets, X, draws(mean, log_variance, 7), mean, log_variance)
    by_hand = torch.stack([torch.log(log_weights[:, item].exp().sum() / 7) for item in range(3)]).mean()
    assert loss.total.item() == pytest.approx(-by_hand.item(), rel=1e-9)
    assert loss.terms["bound"].item() == pytest.approx(by_hand.item(), rel=1e-9)


def test_k_draws_are_k_and_one_draw_is_the_elbo() -> None:
    nets = small()
    generator = torch.Generator().manual_seed(0)
    assert Iwae().log_weights(nets, X, 11, generator).shape == (11, 3)
    # k = 1: E log w is the ELBO, whose KL is known in closed form
    weights = Iwae().log_weights(nets, X, 40_000, generator)
    mean, log_variance = posterior(nets, X)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    decoder = nets.autoencoder.decoder
    weight, bias = decoder.weight, decoder.bias
    error = (X - mean @ weight.T - bias).square().sum(1) + (weight.square() @ log_variance.exp().T).sum(0)
    expected = -error / (2 * 0.49) - 2 * math.log(0.7) - math.log(2 * math.pi) - kl
    torch.testing.assert_close(weights.mean(0), expected, atol=0.05, rtol=0)


def test_the_gradient_weighs_draws_by_the_softmax_of_their_log_weights() -> None:
    nets = small()
    found = gradients(Iwae(latents=2, samples=4, gradient="standard"), nets, 3)
    nets.zero_grad()
    torch.manual_seed(3)
    mean, log_variance = posterior(nets, X)
    log_weights = log_weights_of(nets, X, draws(mean, log_variance, 4), mean, log_variance)
    shares = log_weights.detach().exp() / log_weights.detach().exp().sum(0)
    (-(shares * log_weights).sum(0).mean()).backward()
    for name, parameter in nets.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad)


def test_both_gradients_agree_on_average_and_the_doubly_reparameterised_varies_less() -> None:
    nets, seeds = small(), range(1500)
    rows = {
        kind: [gradients(Iwae(latents=2, samples=8, gradient=kind), nets, seed) for seed in seeds]  # type: ignore[arg-type]
        for kind in ("standard", "doubly")
    }
    for name in rows["standard"][0]:
        standard, doubly = (torch.stack([row[name] for row in rows[kind]]) for kind in ("standard", "doubly"))
        error = (standard - doubly).std(0) / len(seeds) ** 0.5
        assert bool(((standard - doubly).mean(0).abs() <= 5 * error + 1e-12).all()), name
        if "decoder" in name:
            torch.testing.assert_close(standard, doubly)
        else:
            assert float(doubly.var(0).sum()) < 0.7 * float(standard.var(0).sum()), name
