"""The conditional VAE's bound is one on log p(x | y): exact where that is known, and the label goes where it should."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods._output import Output
from imaginable.methods.conditional_vae import (
    ConditionalAutoencoding,
    ConditionalNetworks,
    ConditionalVae,
    one_hot,
)
from imaginable.objectives.variational import importance_weighted_bound

SPEC = DataSpec("images", (1, 16, 16), classes=("a", "b", "c"), count=10)
DONE = Progress(50, 100, 5)


def built(**fields: object) -> tuple[ConditionalVae, ConditionalNetworks, Batch]:
    torch.manual_seed(0)
    method = ConditionalVae(latents=2, width=8, **fields)  # type: ignore[arg-type]
    nets = method.networks(SPEC, {})
    return method, nets, Batch(torch.rand(6, 1, 16, 16) * 2 - 1, label=torch.tensor([0, 1, 2, 2, 1, 0]))


# ---- a linear-Gaussian model: z ~ N(0, I), x | z, y ~ N(W z + c_y, s² I), so x | y ~ N(c_y, W Wᵀ + s² I)


def linear_gaussian(slack: float = 0.0) -> tuple[ConditionalVae, ConditionalNetworks, Callable[[Tensor, int], Tensor]]:
    """Its exact posterior (its variance off by the factor e^slack), and log p(x | y)."""
    torch.manual_seed(0)
    deviation, latents, dimensions, classes = 0.7, 2, 5, 3
    spec, centres = DataSpec("points", (dimensions,), classes=("a", "b", "c")), torch.randn(classes, dimensions)
    # a diagonal posterior is exact where the columns of W are orthogonal
    weight = torch.linalg.qr(torch.randn(dimensions, latents)).Q * torch.tensor([2.0, 0.5])
    covariance = torch.linalg.inv(torch.eye(latents) + weight.T @ weight / deviation**2)

    encoder, decoder = nn.Linear(dimensions, 2 * latents), nn.Linear(latents + classes, dimensions, bias=False)
    with torch.no_grad():
        encoder.weight.copy_(torch.cat([covariance @ weight.T / deviation**2, torch.zeros(latents, dimensions)]))
        encoder.bias.copy_(torch.cat([torch.zeros(latents), covariance.diagonal().log() + slack]))
        decoder.weight.copy_(torch.cat([weight, centres.T], dim=1))
    nets = ConditionalNetworks(
        ConditionalAutoencoding(encoder, decoder, Output("gaussian-fixed", spec, deviation), spec), 10
    )
    with torch.no_grad():
        nets.autoencoder.templates.copy_(-centres)

    def log_p(x: Tensor, y: int) -> Tensor:
        marginal = weight @ weight.T + deviation**2 * torch.eye(dimensions)
        return MultivariateNormal(centres[y], marginal).log_prob(x)

    return ConditionalVae(latents=latents), nets, log_p


@torch.no_grad()
def test_at_the_exact_posterior_every_weight_is_the_likelihood_of_x_given_its_class() -> None:
    method, nets, log_p = linear_gaussian()
    x, label = torch.randn(6, 5), torch.tensor([0, 1, 2, 2, 1, 0])
    expected = torch.stack([log_p(one, int(y)) for one, y in zip(x, label, strict=True)])
    log_weights = method.log_weights(nets, x, 4, torch.Generator().manual_seed(0), label)
    torch.testing.assert_close(log_weights, expected.expand(4, 6), atol=1e-4, rtol=0)


@torch.no_grad()
def test_with_a_wrong_posterior_the_bound_rises_with_k_to_that_likelihood() -> None:
    method, nets, log_p = linear_gaussian(slack=0.8)
    x = torch.randn(1, 5).expand(500, 5)
    label = torch.full((500,), 1)
    log_weights = method.log_weights(nets, x, 1000, torch.Generator().manual_seed(0), label)
    bounds = [float(importance_weighted_bound(log_weights[:k]).mean()) for k in (1, 3, 1000)]
    expected = float(log_p(x[0], 1))
    assert bounds[0] < bounds[1] < bounds[2]
    assert expected - bounds[0] > 0.1
    assert bounds[2] == pytest.approx(expected, abs=0.01)


@torch.no_grad()
def test_vitals_are_the_bounds_two_parts() -> None:
    method, nets, log_p = linear_gaussian()
    torch.manual_seed(1)
    x, label = torch.randn(1, 5).expand(20_000, 5), torch.full((20_000,), 2)
    vitals = method.vitals(nets, x, label)
    bound = -float(vitals["distortion"] + vitals["kl"].sum())
    assert bound == pytest.approx(float(log_p(x[0], 2)), abs=0.05)


# ---- the objective


def test_with_beta_one_the_loss_is_the_negative_bound() -> None:
    method, nets, batch = built(label_dropout=0.0)
    torch.manual_seed(1)
    loss = method.negative_bound(nets, batch, DONE)
    torch.manual_seed(1)
    torch.rand(6, 1)  # which labels to withhold
    assert batch.label is not None
    templates = nets.autoencoder.templates[batch.label]
    mean, log_variance = nets.autoencoder.encoder(batch.x + templates).chunk(2, dim=1)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    z = mean + posterior.scale * torch.randn_like(mean)
    y = torch.eye(3)[batch.label]
    shown = nets.autoencoder.decoder(torch.cat([z, y], dim=1))
    log_likelihood = Normal(shown, nets.autoencoder.output.variance.sqrt()).log_prob(batch.x).sum((1, 2, 3))
    bound = (log_likelihood - kl_divergence(posterior, Normal(0.0, 1.0)).sum(1)).mean()
    assert loss.total.item() == pytest.approx(-bound.item(), rel=1e-5)
    assert float(loss.terms["bound"]) == pytest.approx(bound.item(), rel=1e-5)


@pytest.mark.parametrize(("fraction", "weight"), [(0, 0.0), (5, 0.5), (10, 1.0), (90, 1.0)])
def test_the_kl_terms_weight_rises_over_the_warmup(fraction: int, weight: float) -> None:
    method, nets, batch = built(beta=2.0, kl_warmup=0.1)
    loss = method.negative_bound(nets, batch, Progress(fraction, 100, 0))
    expected = loss.terms["reconstruction"] + 2.0 * weight * loss.terms["kl"]
    assert loss.total.item() == pytest.approx(float(expected), rel=1e-5)
    bound = -float(loss.terms["reconstruction"] + loss.terms["kl"])
    assert float(loss.terms["bound"]) == pytest.approx(bound, rel=1e-5), "whatever the weight"


def test_free_bits_cost_nothing_below_their_number() -> None:
    method, nets, batch = built(free_bits=1000.0)
    loss = method.negative_bound(nets, batch, DONE)
    assert loss.total.item() == pytest.approx(float(loss.terms["reconstruction"]) + 2 * 1000.0, rel=1e-5)


# ---- labels


def test_a_share_of_the_labels_is_withheld() -> None:
    torch.manual_seed(0)
    y = torch.eye(3).repeat(4000, 1)
    kept = ConditionalVae(label_dropout=0.2).partly_withheld(y)
    whole = kept.sum(1)
    assert set(whole.tolist()) == {0.0, 1.0}
    error = math.sqrt(0.2 * 0.8 / len(y))
    assert float(1 - whole.mean()) == pytest.approx(0.2, abs=4 * error)
    assert torch.equal(ConditionalVae(label_dropout=0.0).partly_withheld(y), y)


def test_unknown_is_zeros_and_the_same_as_no_label() -> None:
    method, nets, batch = built()
    unknown = torch.full((6,), -1)
    assert float(one_hot(nets, unknown, 6).abs().sum()) == 0.0
    assert torch.equal(one_hot(nets, torch.tensor([2, -1]), 2), torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))
    with torch.no_grad():
        z = method.encode(nets, batch.x, unknown)
        assert torch.equal(z, method.encode(nets, batch.x))
        assert torch.equal(method.decode(nets, z, unknown), method.decode(nets, z))


def test_the_class_reaches_the_code_and_the_picture() -> None:
    method, nets, batch = built()
    x, z = batch.x[:1].expand(3, -1, -1, -1), torch.randn(1, 2).expand(3, -1)
    with torch.no_grad():
        codes, pictures = method.encode(nets, x, torch.arange(3)), method.decode(nets, z, torch.arange(3))
    for one, two in ((0, 1), (1, 2)):
        assert not torch.allclose(codes[one], codes[two])
        assert not torch.allclose(pictures[one], pictures[two])
