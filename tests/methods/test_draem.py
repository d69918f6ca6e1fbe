"""DRAEM's losses and score where they are known, and who is taught what."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods import draem
from imaginable.methods._method import Encodes, Scores
from imaginable.methods.draem import Detector, Draem, DraemNetworks

NOW = Progress(0, 100, 0)
SPEC = DataSpec("images", (3, 32, 32), count=10)


class Fixed(nn.Module):
    """Restores every picture to one grey, and answers with these logits (h, w) or this one everywhere."""

    def __init__(self, restored: float, logits: Tensor | float) -> None:
        super().__init__()
        self.restored, self.logits = restored, torch.as_tensor(logits)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.full_like(x, self.restored), self.logits.expand(len(x), 1, *x.shape[2:])


def fixed(restored: float = 0.0, logits: Tensor | float = 0.0) -> DraemNetworks:
    return DraemNetworks(Fixed(restored, logits))  # type: ignore[arg-type]


def networks() -> tuple[Draem, DraemNetworks]:
    torch.manual_seed(0)
    method = Draem(width=8, restorer_width=8, levels=2)
    return method, method.networks(SPEC, {})


def test_the_loss_is_restoration_of_the_good_picture_and_focal_loss_of_the_truth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A quarter of the pixels is spoilt to black; the answer is 'spoilt with chance 0.8' everywhere."""

    def spoil(x: Tensor, share: float) -> tuple[Tensor, Tensor]:
        assert share == 0.6
        truth = torch.zeros_like(x[:, :1])
        truth[:, :, :4, :4] = 1
        return torch.where(truth > 0, -torch.ones_like(x), x), truth

    monkeypatch.setattr(draem, "blemishes", spoil)
    nets = fixed(restored=0.5, logits=math.log(0.8 / 0.2))
    loss = Draem(spoilt=0.6, gamma=2).loss(nets, Batch(torch.ones(5, 3, 8, 8)), NOW)
    # against the good picture, which is white everywhere, not the spoilt one
    assert float(loss.terms["restoration"]) == pytest.approx(0.25)
    hit, miss = 0.2**2 * -math.log(0.8), 0.8**2 * -math.log(0.2)
    assert float(loss.terms["pointing"]) == pytest.approx(0.25 * hit + 0.75 * miss, rel=1e-5)
    assert float(loss.total) == pytest.approx(float(loss.terms["restoration"] + loss.terms["pointing"]))


def test_without_gamma_pointing_is_cross_entropy() -> None:
    loss = Draem(gamma=0, spoilt=0.0).loss(fixed(), Batch(torch.zeros(2, 3, 16, 16)), NOW)
    assert float(loss.terms["pointing"]) == pytest.approx(math.log(2))


def test_the_networks_see_the_spoilt_picture_and_never_the_good_one() -> None:
    seen: list[Tensor] = []

    class Watching(Fixed):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            seen.append(x)
            return super().forward(x)

    torch.manual_seed(0)
    x = torch.rand(40, 3, 32, 32) * 2 - 1
    Draem(spoilt=0.5).loss(DraemNetworks(Watching(0.0, 0.0)), Batch(x), NOW)  # type: ignore[arg-type]
    assert len(seen) == 1
    changed = (seen[0] != x).flatten(1)
    assert 10 < int(changed.any(1).sum()) < 30
    assert float(changed.float().mean()) < 0.1


def test_the_score_is_the_greatest_mean_of_a_window_and_the_map_the_chances() -> None:
    logits = torch.full((9, 9), -100.0)
    logits[2:5, 2:5] = 100
    logits[8, 8] = 100  # alone, but at the corner, where a window has four pixels
    method = Draem(window=3)
    scores, maps = method.score(fixed(logits=logits), torch.zeros(2, 3, 9, 9))
    assert scores.tolist() == pytest.approx([1, 1])
    torch.testing.assert_close(maps, torch.sigmoid(logits).expand(2, 9, 9))
    scores, _ = Draem(window=5).score(fixed(logits=logits), torch.zeros(1, 3, 9, 9))
    assert scores.item() == pytest.approx(9 / 25)


@pytest.mark.parametrize("window", [1, 3, 7])
def test_it_is_that_of_a_double_loop(window: int) -> None:
    torch.manual_seed(0)
    logits, reach = torch.randn(12, 12), window // 2
    chances = torch.sigmoid(logits)
    means = [
        chances[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1].mean()
        for row in range(12)
        for column in range(12)
    ]
    scores, _ = Draem(window=window).score(fixed(logits=logits), torch.zeros(1, 1, 12, 12))
    assert scores.item() == pytest.approx(max(map(float, means)), rel=1e-5)


def test_a_score_does_not_depend_on_the_other_pictures() -> None:
    method, nets = networks()
    nets.eval()
    assert isinstance(method, Scores)
    assert not isinstance(method, Encodes)
    x = torch.rand(4, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        together, maps = method.score(nets, x)
        alone, map_alone = method.score(nets, x[2:3])
    assert maps.shape == (4, 32, 32)
    torch.testing.assert_close(together[2:3], alone)
    torch.testing.assert_close(maps[2:3], map_alone)


def test_what_is_pointed_at_teaches_the_restorer_as_well() -> None:
    """Section 3.2: both descend both losses; what is restored only teaches the restorer."""
    torch.manual_seed(1)
    x = torch.rand(4, 3, 32, 32) * 2 - 1
    for term, reached in (("pointing", {"restorer", "segmenter"}), ("restoration", {"restorer"})):
        method, nets = networks()
        detector = nets.detector
        restored, logits = detector(x)
        losses = {"pointing": logits.square().mean(), "restoration": restored.square().mean()}
        losses[term].backward()
        moved = {
            name
            for name, part in detector.named_children()
            if any(one.grad is not None and float(one.grad.abs().sum()) > 0 for one in part.parameters())
        }
        assert moved == reached, method


def test_the_segmenter_sees_the_picture_beside_its_restored_self() -> None:
    class Restorer(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 10 * x

    class Segmenter(nn.Module):
        def forward(self, both: Tensor) -> Tensor:
            return both.sum(1, keepdim=True)

    x = torch.full((1, 3, 4, 4), 0.5)
    restored, logits = Detector(Restorer(), Segmenter())(x)  # type: ignore[arg-type]
    assert torch.equal(restored, 10 * x)
    assert logits.unique().tolist() == [3 * 0.5 + 3 * 5]


def test_the_presets_are_as_stated() -> None:
    assert set(Draem.presets) == {"small", "base", "paper"}
    assert Draem(**Draem.presets["paper"]).window == 21
    assert Draem().sizes.takes(112)
    assert not Draem().sizes.takes(120), "four halvings"
