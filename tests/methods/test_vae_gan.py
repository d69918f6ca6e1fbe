"""VAE/GAN's three losses at points where they are known, and who learns from which of them."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods.vae_gan import VaeGan, VaeGanNetworks, picture

NOW = Progress(0, 100, 0)
SPEC = DataSpec("images", (3, 32, 32), count=10)


class Judge(nn.Module):
    """Features: three times x. Logit: their sum over an item, plus `bias`."""

    def __init__(self, bias: float = 0.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(3.0))
        self.bias = nn.Parameter(torch.tensor(bias))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * x

    def judge(self, features: torch.Tensor) -> torch.Tensor:
        return features.flatten(1).sum(1) + self.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.judge(self.features(x))


def linear(bias: float = 0.0) -> VaeGanNetworks:
    """Items of four numbers, codes of two, and a judge that can be worked out by hand."""
    torch.manual_seed(0)
    return VaeGanNetworks(nn.Linear(4, 4), nn.Linear(2, 4), Judge(bias))  # type: ignore[arg-type]


def test_the_encoder_descends_the_prior_term_and_half_the_squared_distance_of_features() -> None:
    nets, batch = linear(), Batch(torch.rand(5, 4))
    torch.manual_seed(1)
    loss = VaeGan(latents=2).encoder_loss(nets, batch, NOW)
    torch.manual_seed(1)
    mean, log_variance = nets.encoder(batch.x).chunk(2, dim=1)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    kl = kl_divergence(posterior, Normal(0.0, 1.0)).sum(1).mean()
    rebuilt = torch.tanh(nets.decoder(mean + posterior.scale * torch.randn_like(mean)))
    # up to the constant, - log N(D(x); D(x̃), I)
    likelihood = Normal(3 * rebuilt, 1.0).log_prob(3 * batch.x) + 0.5 * math.log(2 * math.pi)
    assert loss.total.item() == pytest.approx((kl - likelihood.sum(1).mean()).item(), rel=1e-5)
    assert float(loss.terms["error"]) == pytest.approx((batch.x - rebuilt).square().mean().item(), rel=1e-5)


@pytest.mark.parametrize("logit", [-2.0, 0.0, 1.0])
def test_the_decoder_descends_content_and_style_of_both_kinds_of_pictures(logit: float) -> None:
    nets, x = linear(logit), torch.full((5, 4), 0.5)
    batch = Batch(x, drawn=torch.zeros(5, 2, 4))  # the judge answers `logit` to x̃ and to x_p
    probability, content = 1 / (1 + math.exp(-logit)), 0.5 * 4 * 1.5**2
    for objective, style in (("non-saturating", -math.log(probability)), ("minimax", math.log(1 - probability))):
        method = VaeGan(latents=2, gamma=0.25, objective=objective)  # type: ignore[arg-type]
        loss = method.decoder_loss(nets, batch, NOW)
        assert loss.total.item() == pytest.approx(0.25 * content + 2 * style, rel=1e-5)


def test_content_is_of_the_reconstruction_and_not_of_the_sample() -> None:
    nets, x = linear(), torch.full((5, 4), 0.5)
    method = VaeGan(latents=2, gamma=1e6)
    rebuilt_is_x = torch.stack([x, torch.zeros_like(x)], dim=1)
    assert method.decoder_loss(nets, Batch(x, drawn=rebuilt_is_x), NOW).total.item() < 10
    assert method.decoder_loss(nets, Batch(x, drawn=rebuilt_is_x.flip(1)), NOW).total.item() > 1e6


def test_the_discriminator_descends_the_cross_entropy_of_three_kinds() -> None:
    nets, x = linear(), torch.full((5, 4), 0.1)
    batch = Batch(x, drawn=torch.stack([-x, 2 * x], dim=1))
    logits = {"real": 1.2, "rebuilt": -1.2, "fake": 2.4}  # 3 · 4 · 0.1, ...
    chances = {name: 1 / (1 + math.exp(-value)) for name, value in logits.items()}
    expected = -math.log(chances["real"]) - math.log(1 - chances["rebuilt"]) - math.log(1 - chances["fake"])
    loss = VaeGan(latents=2).discriminator_loss(nets, batch, NOW)
    assert loss.total.item() == pytest.approx(expected, rel=1e-5)
    assert {name: float(loss.terms[name]) for name in chances} == pytest.approx(chances, rel=1e-5)


def test_the_draw_is_reconstructions_beside_samples_of_the_prior() -> None:
    nets = linear()
    with torch.no_grad():
        nets.encoder.weight.zero_()  # type: ignore[union-attr,operator]
        nets.encoder.bias.copy_(torch.tensor([2.0, -2.0, -14.0, -14.0]))  # type: ignore[union-attr,operator]
        made = VaeGan(latents=2).reconstructions_and_samples(nets, Batch(torch.rand(400, 4)), NOW)
        codes = torch.linalg.lstsq(nets.decoder.weight, (torch.atanh(made) - nets.decoder.bias).flatten(0, 1).T)
    assert made.shape == (400, 2, 4)
    z, sampled = codes.solution.T.unflatten(0, (400, 2)).unbind(1)
    torch.testing.assert_close(z, torch.tensor([2.0, -2.0]).expand(400, 2), atol=0.02, rtol=0)
    torch.testing.assert_close(sampled.mean(0), torch.zeros(2), atol=0.2, rtol=0)
    torch.testing.assert_close(sampled.var(0), torch.ones(2), atol=0.25, rtol=0)


def test_the_game_does_not_reach_the_encoder() -> None:
    """Larsen et al., section 3.2: no error signal of L_GAN to the encoder."""
    torch.manual_seed(0)
    method = VaeGan(latents=4, width=8, judge_width=8)
    nets = method.networks(SPEC, {})
    for parameter in nets.encoder.parameters():
        parameter.requires_grad_(False)  # as the loop does in the decoder's phase
    batch = Batch(torch.rand(4, 3, 32, 32))
    drawn = method.reconstructions_and_samples(nets, batch, NOW)
    method.decoder_loss(nets, Batch(batch.x, drawn=drawn), NOW).total.backward()
    assert all(parameter.grad is None for parameter in nets.encoder.parameters())
    assert all(parameter.grad is not None for parameter in nets.decoder.parameters())


def test_what_is_shown_does_not_need_the_discriminator() -> None:
    method = VaeGan(latents=4, width=8, judge_width=8)
    nets = method.networks(SPEC, {}).eval()
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        codes = method.encode(nets, x)
        del nets.discriminator
        assert torch.equal(method.encode(nets, x), codes)
        assert torch.equal(method.decode(nets, codes), picture(nets, codes))
        assert set(method.vitals(nets, x)) == {"kl", "mean_variance"}
