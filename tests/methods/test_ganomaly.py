"""GANomaly's losses and score at points where they are known, who learns from which of them, and the architecture."""

import math

import pytest
import torch
from torch import Tensor, nn

from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods.ganomaly import Ganomaly, GanomalyNetworks

NOW = Progress(0, 100, 0)
SPEC = DataSpec("images", (3, 32, 32), count=10)


class Judge(nn.Module):
    """Features: three times x. Logit: their sum over an item."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(3.0))

    def features(self, x: Tensor) -> Tensor:
        return self.scale * x

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x).flatten(1).sum(1)


class Fixed(nn.Module):
    """Answers every picture with these codes and this picture."""

    def __init__(self, code: list[float], rebuilt: float, code_again: list[float]) -> None:
        super().__init__()
        self.code, self.rebuilt, self.code_again = code, rebuilt, code_again

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        codes = (torch.tensor(code).expand(len(x), -1) for code in (self.code, self.code_again))
        code, code_again = codes
        return code, torch.full_like(x, self.rebuilt), code_again


def fixed() -> tuple[Ganomaly, GanomalyNetworks, Batch]:
    """Codes two and one apart; of white pictures 0.5 of white is made."""
    nets = GanomalyNetworks(Fixed([1.0, 2.0], 0.5, [3.0, 1.0]), Judge())  # type: ignore[arg-type]
    method, x = Ganomaly(latents=2), torch.ones(4, 3, 2, 2)
    return method, nets, Batch(x, drawn=method.codes_and_pictures(nets, Batch(x), NOW))


def test_the_generator_descends_the_weighted_distances_of_features_pixels_and_codes() -> None:
    _, nets, batch = fixed()
    loss = Ganomaly(latents=2, w_adv=2, w_con=30, w_enc=5).generator_loss(nets, batch, NOW)
    known = {"features": (3 * 0.5) ** 2, "pixels": 0.5, "codes": (2**2 + 1**2) / 2}
    assert {name: float(term) for name, term in loss.terms.items()} == pytest.approx(known)
    assert loss.total.item() == pytest.approx(2 * known["features"] + 30 * known["pixels"] + 5 * known["codes"])


def test_the_discriminator_descends_half_the_cross_entropy() -> None:
    method, nets, batch = fixed()
    nets.discriminator.scale.data.fill_(0.1)  # type: ignore[operator,union-attr]
    real, fake = (1 / (1 + math.exp(-0.1 * 12 * value)) for value in (1, 0.5))
    loss = method.discriminator_loss(nets, batch, NOW)
    assert loss.total.item() == pytest.approx((-math.log(real) - math.log(1 - fake)) / 2, rel=1e-5)
    assert float(loss.terms["real"]) == pytest.approx(real)
    assert float(loss.terms["fake"]) == pytest.approx(fake)


def test_the_score_is_the_distance_of_the_codes_and_the_map_that_of_the_pixels() -> None:
    method, nets, batch = fixed()
    x = batch.x.clone()
    x[0, :, 0, 1] = torch.tensor([-1.0, -0.5, 0.5])
    scores, maps = method.score(nets, x)
    assert scores.tolist() == [3] * 4  # |1 - 3| + |2 - 1|
    assert maps.shape == (4, 2, 2)
    assert maps[1:].unique().tolist() == [0.25]  # of black to white
    assert maps[0, 0, 1].item() == pytest.approx((1.5 + 1 + 0) / 3 / 2)


def networks() -> tuple[Ganomaly, GanomalyNetworks]:
    torch.manual_seed(0)
    method = Ganomaly(latents=5, width=4)
    return method, method.networks(SPEC, {})


def test_one_pass_makes_what_both_players_need() -> None:
    method, nets = networks()
    nets.eval()
    batch = Batch(torch.rand(3, 3, 32, 32) * 2 - 1)
    with torch.no_grad():
        drawn = Batch(batch.x, drawn=method.codes_and_pictures(nets, batch, NOW))
        code, code_again, rebuilt = method.parted(drawn)
        assert torch.equal(code, method.encode(nets, batch.x))
        assert torch.equal(rebuilt, method.decode(nets, code))
        torch.testing.assert_close(code_again, nets.generator.second_encoder(rebuilt))


def test_only_the_codes_teach_the_second_encoder_and_the_game_does_not_reach_the_generator() -> None:
    x = torch.rand(4, 3, 32, 32) * 2 - 1

    def norms(w_enc: float) -> dict[str, float]:
        _, nets = networks()
        method = Ganomaly(latents=5, width=4, w_enc=w_enc)
        drawn = Batch(x, drawn=method.codes_and_pictures(nets, Batch(x), NOW))
        method.generator_loss(nets, drawn, NOW).total.backward()
        parts = {name: part.parameters() for name, part in nets.generator.named_children()}
        return {name: sum(float(each.grad.norm()) for each in part) for name, part in parts.items()}  # type: ignore[union-attr]

    assert norms(0)["second_encoder"] == 0
    assert min(norms(1).values()) > 0
    assert norms(1)["encoder"] != norms(0)["encoder"], "its code is pulled towards the second, too"


def test_parameter_counts_at_32_pixels_are_the_papers_architecture() -> None:
    with torch.device("meta"):
        nets = Ganomaly().networks(SPEC, {})
    pyramid, norms = 16 * (3 * 64 + 64 * 128 + 128 * 256), 2 * (128 + 256)  # 4 x 4 kernels
    biases = 64 + 100  # of the first and the last layer, which have no batch norm
    for encoder in (nets.generator.encoder, nets.generator.second_encoder):
        assert sum(one.numel() for one in encoder.parameters()) == pyramid + norms + 16 * 256 * 100 + biases
    assert nets.discriminator.features(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 256, 4, 4)


def test_what_is_scored_does_not_need_the_discriminator() -> None:
    method, nets = networks()
    nets.eval()
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        scores, maps = method.score(nets, x)
        del nets.discriminator
        assert torch.equal(method.score(nets, x)[0], scores)
        torch.testing.assert_close(maps, (x - method.decode(nets, method.encode(nets, x))).abs().mean(1) / 2)
