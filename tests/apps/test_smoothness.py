"""Path lengths of models with styles: along the sphere between z, and straight between w."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import imaginable as im
from imaginable.apps._features import Extractor
from imaginable.apps._items import choose
from imaginable.apps._measure import PAIRS, STEP, Measured
from imaginable.apps._reference import Reference
from imaginable.apps.compare import compare
from imaginable.apps.evaluate import evaluate
from imaginable.core import seeds
from imaginable.core.optimizers import Optimizer
from imaginable.core.types import DataSpec
from imaginable.methods._method import Method, Phase, Trained
from imaginable.model import Model

LATENTS = 64


@dataclass(frozen=True)
class Straight(Method[nn.Linear]):
    """w = 3 z in both layers, and a point is linear in their sum: all path lengths are known."""

    paper = "none"
    consumes = frozenset({"points"})
    averaged = ()

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> nn.Linear:
        torch.manual_seed(0)
        return nn.Linear(LATENTS, 2)

    def optimizers(self) -> dict[str, Optimizer]:
        return {}

    def phases(self) -> tuple[Phase[nn.Linear], ...]:
        return ()

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (LATENTS,)

    def prior(
        self, nets: nn.Linear, n: int, spec: DataSpec, generator: torch.Generator, label: Tensor | None = None
    ) -> Tensor:
        return torch.randn(n, LATENTS, generator=generator)

    def decode(
        self, nets: nn.Linear, z: Tensor, label: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        return self.synthesize(nets, self.map(nets, z, label), generator)

    def map(self, nets: nn.Linear, z: Tensor, label: Tensor | None = None) -> Tensor:
        return 3 * z[:, None].expand(-1, 2, -1)

    def synthesize(self, nets: nn.Linear, w: Tensor, generator: torch.Generator | None = None) -> Tensor:
        points: Tensor = nets(w.sum(1))
        return points

    def average(self, nets: nn.Linear) -> Tensor:
        return torch.zeros(LATENTS)

    def affines(self, nets: nn.Linear) -> list[Tensor]:
        return [nets.weight, nets.weight]


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    folder = tmp_path_factory.mktemp("points")
    fields = {"limit": 600, "images": 60, "batch": 30, "hidden": 8, "device": "cpu"}
    im.train("gan", "gaussians", run=str(folder), **fields)
    items = choose(im.load(folder), "gaussians", 60, everything=False, binarise=False, seed=0, say=str)
    method, spec = Straight(), items.dataset.spec
    networks = method.networks(spec, {}).requires_grad_(False)
    return Measured(Model(Trained(method, networks, spec), {}), Reference(items, Extractor("points", "", None), seed=0))


def ends() -> tuple[Tensor, Tensor]:
    """The z between which paths are looked at."""
    generators = (seeds.generator(seeds.derive(0, "path", end), "sample") for end in (0, 1))
    first, last = (torch.randn(PAIRS, LATENTS, generator=one).double() for one in generators)
    return first, last


def mean_square(slopes: Tensor, networks: nn.Module) -> float:
    """Of the points' slopes at these slopes of z (n, latents)."""
    assert isinstance(networks, nn.Linear)
    return float((6 * slopes @ networks.weight.double().T).square().sum(1).mean())


def test_straight_ways_of_a_linear_synthesis_are_as_long_as_their_ends_are_apart(points: Measured) -> None:
    row, (first, last) = points.row("path_length_w"), ends()
    assert row is not None
    assert row.score is not None
    assert row.name == "path length in W-points (latent smoothness)"
    assert row.score.value == pytest.approx(mean_square(last - first, points.model.trained.networks), rel=1e-3)
    assert row.score.n == PAIRS


def test_ways_between_z_go_along_the_sphere(points: Measured) -> None:
    row, (first, last) = points.row("path_length"), ends()
    assert row is not None
    assert row.score is not None
    assert row.name == "path length in Z-points (latent smoothness)"
    at = torch.rand(PAIRS, generator=seeds.generator(0, "path"))[:, None].double() * (1 - STEP) + STEP / 2
    a, b = (side.norm(dim=1, keepdim=True) for side in (first, last))
    angle = torch.arccos((first / a * last / b).sum(1, keepdim=True))
    # z = l (sin((1 - t) Ω) â + sin(t Ω) b̂) / sin Ω, differentiated by hand
    ahead, behind = torch.sin(at * angle), torch.sin((1 - at) * angle)
    slopes = (b - a) * (behind * first / a + ahead * last / b)
    length = a + at * (b - a)
    slopes += length * angle * (torch.cos(at * angle) * last / b - torch.cos((1 - at) * angle) * first / a)
    expected = mean_square(slopes / torch.sin(angle), points.model.trained.networks)
    assert row.score.value == pytest.approx(expected, rel=1e-3)
    straight = points.row("path_length_w")
    assert straight is not None
    assert straight.score is not None
    assert row.score.value > straight.score.value, "an arc is longer than its chord"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    fields = {"size": 32, "limit": 300, "images": 60, "batch": 20, "device": "cpu"}
    small = {"latents": 8, "styles": 12, "width": 4, "most": 8, "depth": 2}
    im.train("stylegan2", "sneakers", run=str(folder / "styles"), **fields, **small)
    im.train("vae", "sneakers", run=str(folder / "vae"), width=4, **fields)
    return folder


def test_evaluate_shows_both_of_a_model_with_styles_and_one_of_others(runs: Path) -> None:
    said: list[str] = []
    found = evaluate(runs / "styles", "sneakers", n=30, say=said.append)["measured"]
    both = [found[key] for key in ("path_length", "path_length_w")]
    assert [row["name"] for row in both] == [f"path length in {at}-random (latent smoothness)" for at in "ZW"]
    assert both[0]["value"] != both[1]["value"]
    for row in both:
        assert row["n"] == PAIRS
        assert row["error"] > 0
        assert any(re.search(rf"{re.escape(row['name'])} .* ± .*\(n = 500 pairs of codes\)", line) for line in said)
    other = evaluate(runs / "vae", "sneakers", n=30, say=str)["measured"]
    assert "path_length_w" not in other
    assert other["path_length"]["name"] == "path length-random (latent smoothness)"


def test_compare_puts_paths_between_z_beside_those_of_others(runs: Path) -> None:
    found = compare([runs / "vae", runs / "styles"], data="sneakers", n=30, out=runs / "page.html", say=str)
    assert all(row.score is not None for row in found.side("path_length").values())
    between_styles = found.side("path_length_w")
    assert between_styles["styles"].score is not None
    assert between_styles["vae"].why == "not measured for this method"
    assert "path length in W-random" in (runs / "page.html").read_text(encoding="utf-8")
