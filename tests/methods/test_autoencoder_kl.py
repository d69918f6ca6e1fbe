"""The first stage's loss by hand, what each part of the run trains, and the measured scale of its latents."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from imaginable.core.errors import UserError
from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods.autoencoder_kl import AutoencoderKl, AutoencoderKlNetworks
from imaginable.objectives.perceptual import perceptual_distance

SPEC = DataSpec("images", (3, 16, 16), count=10)
EARLY, MIDDLE, LATE = (Progress(seen, 100, seen) for seen in (5, 30, 70))


def built(spec: DataSpec = SPEC, **fields: Any) -> tuple[AutoencoderKl, AutoencoderKlNetworks, Batch]:
    torch.manual_seed(0)
    small: dict[str, Any] = {"block_out_channels": (8, 16), "norm_num_groups": 4, "width": 4}
    method = AutoencoderKl(**{**small, **fields})
    nets = method.networks(spec, {})
    batch = Batch(torch.rand(6, *spec.shape) * 2 - 1)
    with torch.no_grad():
        together = method.reconstructions(nets, batch, EARLY)
    return method, nets, replace(batch, drawn=together.requires_grad_())


def by_hand(nets: AutoencoderKlNetworks, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Reconstruction, mean and log variance out of what was drawn."""
    assert batch.drawn is not None
    pixels, latents = 3 * 16 * 16, 4 * 8 * 8
    assert batch.drawn.shape == (6, pixels + 2 * latents)
    rebuilt = batch.drawn[:, :pixels].view(6, 3, 16, 16)
    return rebuilt, batch.drawn[:, pixels : pixels + latents], batch.drawn[:, pixels + latents :]


def test_what_is_drawn_are_reconstruction_and_moments() -> None:
    method, nets, batch = built()
    torch.manual_seed(1)
    drawn = method.reconstructions(nets, batch, EARLY)
    torch.manual_seed(1)
    mean, log_variance = nets.autoencoder.networks.encode(batch.x)
    z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
    rebuilt, drawn_mean, drawn_log_variance = by_hand(nets, replace(batch, drawn=drawn))
    torch.testing.assert_close(rebuilt, nets.autoencoder.networks.decode(z))
    torch.testing.assert_close(drawn_mean, mean.flatten(1))
    torch.testing.assert_close(drawn_log_variance, log_variance.flatten(1))


def test_at_first_the_loss_is_a_laplace_likelihood_and_the_divergence() -> None:
    method, nets, batch = built(kl_weight=0.1)
    nets.autoencoder.error.fill_(0.25)
    rebuilt, mean, log_variance = by_hand(nets, batch)
    likelihood = torch.distributions.Laplace(rebuilt, 0.25).log_prob(batch.x).sum((1, 2, 3)).mean()
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    loss = method.autoencoder_loss(nets, batch, EARLY)
    assert loss.total.item() == pytest.approx((-likelihood + 0.1 * kl).item(), rel=1e-5)
    assert set(loss.terms) == {"absolute", "kl"}


def test_then_the_perceptual_distance_counts() -> None:
    method, nets, batch = built(kl_weight=0.0, perceptual_weight=3.0)
    rebuilt, _, _ = by_hand(nets, batch)
    distance = perceptual_distance(nets.features.features, batch.x, rebuilt).mean()
    error = (batch.x - rebuilt).abs().mean() + 3.0 * distance
    loss = method.autoencoder_loss(nets, batch, MIDDLE)
    assert loss.total.item() == pytest.approx(768 * (error.item() + math.log(2)), rel=1e-5)
    assert loss.terms["perceptual"].item() == pytest.approx(distance.item(), rel=1e-5)


@pytest.mark.parametrize(("seen", "weight"), [(50, 0.0), (52, 0.2), (55, 0.5), (70, 0.5)])
def test_at_last_the_critics_pull_equals_the_reconstructions_times_its_weight(seen: int, weight: float) -> None:
    """Through the decoder's last layer: gradient of the whole minus that of the reconstruction."""
    now = Progress(seen, 100, seen)
    method, nets, batch = built(kl_weight=0.0, critic_weight=0.5)
    last = nets.autoencoder.networks.decoder.conv_out.weight

    def pull(chosen: AutoencoderKl) -> Tensor:
        torch.manual_seed(1)
        drawn = chosen.reconstructions(nets, batch, now)
        (gradient,) = torch.autograd.grad(chosen.autoencoder_loss(nets, replace(batch, drawn=drawn), now).total, last)
        return gradient

    reconstruction = pull(replace(method, critic_from=0.9))
    both = pull(method)
    assert (both - reconstruction).norm().item() == pytest.approx(weight * reconstruction.norm().item(), rel=1e-3)


def test_the_critic_is_judged_on_the_cycles_reconstructions() -> None:
    method, nets, batch = built()
    real, fake = nets.critic(batch.x), nets.critic(by_hand(nets, batch)[0])
    expected = 0.5 * (1 - real).clamp(min=0).mean() + 0.5 * (1 + fake).clamp(min=0).mean()
    assert method.critic_loss(nets, batch, LATE).total.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(("fraction", "players"), [(0.0, "fa"), (0.14, "fa"), (0.15, "a"), (0.5, "ac"), (1.0, "ac")])
def test_features_learn_first_and_the_critic_plays_last(fraction: float, players: str) -> None:
    assert "".join(phase.player[0] for phase in AutoencoderKl().phases() if phase.active(0, fraction)) == players


def test_unknown_classes_are_not_learned() -> None:
    method, nets, batch = built(replace(SPEC, classes=("a", "b")))
    label = torch.tensor([0, 1, -1, -1, 1, 0])
    loss = method.features_loss(nets, replace(batch, label=label), EARLY)
    loss.total.backward()
    assert nets.features.head.weight.grad is not None
    unknown = method.features_loss(nets, replace(batch, label=torch.full((6,), -1)), EARLY)
    assert unknown.terms["label"].item() == 0
    assert loss.terms["label"].item() > 0
    assert loss.total.item() == pytest.approx((loss.terms["rotation"] + loss.terms["label"]).item())


def test_the_measured_scale_gives_latents_of_mean_0_and_variance_1() -> None:
    method, nets, batch = built()
    with torch.no_grad():
        convolution = nets.autoencoder.networks.quant_conv
        convolution.weight.mul_(3)
        convolution.bias.copy_(torch.tensor([7.0, 7, 7, 7, -1, -1, -1, -1]))  # type: ignore[union-attr]
    drawn = []
    for _ in range(200):
        batch = Batch(torch.rand(6, 3, 16, 16) * 2 - 1)
        with torch.no_grad():
            together = method.reconstructions(nets, batch, EARLY)
            method.autoencoder_loss(nets, replace(batch, drawn=together), EARLY)
            method.measure(nets, batch, EARLY)
            mean, log_variance = nets.autoencoder.networks.encode(batch.x)
            drawn.append(mean + (0.5 * log_variance).exp() * torch.randn_like(mean))
            codes = method.encode(nets, batch.x)
    z = (torch.cat(drawn) - nets.autoencoder.shift) * nets.autoencoder.scale
    assert z.mean().item() == pytest.approx(0, abs=0.01)
    assert z.std().item() == pytest.approx(1, abs=0.01)
    torch.testing.assert_close(codes, (mean - nets.autoencoder.shift) * nets.autoencoder.scale)
    decoded = nets.autoencoder.networks.decode(mean).clamp(-1, 1)
    torch.testing.assert_close(method.decode(nets, codes), decoded, rtol=1e-4, atol=1e-5)


def test_the_first_batches_are_measured_alike() -> None:
    """Means over the batches so far: moments of 0, 2 | 4, 4 | 8, 12 are mean 5 and square 40.67, variance 15.67."""
    _, nets, _ = built()
    stage, none = nets.autoencoder, torch.full((2,), -1e9)  # no variance of their own
    for number, pair in enumerate([(0.0, 2.0), (4.0, 4.0), (8.0, 12.0)], 1):
        stage.note(torch.tensor(0.1 * number), torch.tensor(pair), none)
        stage.measure()
    assert stage.shift.item() == pytest.approx(5)
    assert stage.variance.item() == pytest.approx(244 / 6 - 25, rel=1e-5)
    assert stage.error.item() == pytest.approx(0.2)
    stage.note(torch.tensor(0.0), torch.zeros(2), torch.zeros(2))
    assert stage.shift.item() == pytest.approx(5), "moved only after the step"


def test_vitals_are_divergences_and_variances_of_every_latent() -> None:
    method, nets, batch = built()
    found = method.vitals(nets, batch.x)
    mean, log_variance = nets.autoencoder.networks.encode(batch.x)
    assert found["kl"].shape == found["mean_variance"].shape == (4 * 8 * 8,)
    expected = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum((1, 2, 3)).mean()
    assert found["kl"].sum().item() == pytest.approx(expected.item(), rel=1e-5)
    assert found["mean_variance"][5].item() == pytest.approx(mean.flatten(1)[:, 5].var(correction=0).item(), rel=1e-5)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"block_out_channels": (8, 18)}, "--block-out-channels 8 18: must be multiples of --norm-num-groups 4"),
        ({"block_out_channels": ()}, "--block-out-channels"),
        ({"block_out_channels": (0, 8)}, "--block-out-channels"),
        ({"block_out_channels": (8,) * 6}, "--size 16: 6 --block-out-channels take multiples of 32"),
    ],
)
def test_senseless_fields_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        built(**fields)
