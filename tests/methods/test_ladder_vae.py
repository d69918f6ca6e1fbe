"""The ladder VAE: levels see what is above them, and its codes are N(0, I) in their own units."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods.ladder_vae import LadderNetworks, LadderVae
from imaginable.objectives.variational import reparameterise

SPEC = DataSpec("images", (1, 16, 16), count=10)
DONE = Progress(50, 100, 5)
METHOD = LadderVae(width=8, rungs=2, codes=2, output="bernoulli")


def built() -> tuple[LadderNetworks, Tensor]:
    """Networks in which nothing is zero any more, and pictures."""
    torch.manual_seed(0)
    nets = METHOD.networks(SPEC, {})
    for parameter in nets.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.1)
    return nets, (torch.rand(3, 1, 16, 16) > 0.5).float() * 2 - 1


def test_an_untrained_hierarchy_says_nothing() -> None:
    nets = METHOD.networks(SPEC, {})
    loss = METHOD.negative_bound(nets, Batch(torch.zeros(2, 1, 16, 16)), DONE)
    assert loss.terms["kl"].item() == 0.0


def test_the_kl_of_a_level_is_that_of_its_latent_map_in_the_papers_own_units() -> None:
    nets, x = built()
    decoder, features = nets.autoencoder.decoder, nets.autoencoder.encoder(x)
    torch.manual_seed(1)
    u, mean, log_variance, _ = decoder.infer(features, reparameterise, len(x))
    rung, state = decoder.stages[0][0], decoder.start.expand(3, -1, -1, -1)  # type: ignore[index]
    prior_mean, prior_log_deviation = rung.prior(torch.nn.functional.silu(state)).chunk(2, dim=1)
    count = prior_mean[0].numel()
    shift, log_ratio = mean[:, :count], 0.5 * log_variance[:, :count]
    m, s = prior_mean.flatten(1), prior_log_deviation.exp().flatten(1)
    q, p = Normal(m + s * shift, s * log_ratio.exp()), Normal(m, s)
    by_map = METHOD.by_map(nets.autoencoder, 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance))
    torch.testing.assert_close(by_map[:, 0], kl_divergence(q, p).sum(1), rtol=1e-4, atol=1e-4)
    assert by_map.shape == (3, len(decoder.maps))
    assert u.shape[1] == METHOD.latent_shape(SPEC)[0]


def test_the_codes_that_were_inferred_decode_to_what_was_seen_on_the_way() -> None:
    nets, x = built()
    decoder = nets.autoencoder.decoder
    torch.manual_seed(1)
    u, _, _, activation = decoder.infer(nets.autoencoder.encoder(x), reparameterise, len(x))
    torch.testing.assert_close(decoder(u), activation, rtol=1e-4, atol=1e-5)


def test_a_posterior_depends_on_the_picture_and_on_the_codes_above_but_not_below() -> None:
    nets, x = built()
    decoder, features = nets.autoencoder.decoder, nets.autoencoder.encoder(x)
    count = decoder.maps[0][0] * decoder.maps[0][1] * decoder.maps[0][2]

    def means(first: float, last: float) -> Tensor:
        level = iter(range(100))

        def draw(mean: Tensor, log_variance: Tensor) -> Tensor:
            number = next(level)
            return mean + (first if number == 0 else last if number == len(decoder.maps) - 1 else 0.0)

        return decoder.infer(features, draw, len(x))[1]

    plain, above, below = means(0, 0), means(1, 0), means(0, 1)
    assert torch.equal(plain[:, :count], above[:, :count])
    assert not torch.allclose(plain[:, count:], above[:, count:])
    assert torch.equal(plain, below)


def test_the_weights_average_to_the_bound() -> None:
    nets, x = built()
    with torch.no_grad():
        weights = METHOD.log_weights(nets, x, 4000, torch.Generator().manual_seed(0))
        torch.manual_seed(1)
        losses = [METHOD.negative_bound(nets, Batch(x.repeat(100, 1, 1, 1)), DONE).terms["bound"] for _ in range(20)]
    error = (weights.mean(1).std() / 4000**0.5 + torch.stack(losses).std() / 20**0.5).item()
    assert weights.mean().item() == pytest.approx(torch.stack(losses).mean().item(), abs=4 * error)


def test_draws_of_several_items_keep_to_their_item() -> None:
    nets, x = built()
    with torch.no_grad():
        together = METHOD.log_weights(nets, x, 2000, torch.Generator().manual_seed(0)).mean(0)
        alone = torch.cat(
            [METHOD.log_weights(nets, x[i : i + 1], 2000, torch.Generator().manual_seed(i)).mean(0) for i in range(3)]
        )
    assert (together - alone).abs().max().item() < 0.15 * (alone.max() - alone.min()).item() + 0.5
