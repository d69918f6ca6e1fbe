"""Holes filled by codes: what is known decides and is not touched, and a picture's neighbours have no part in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from imaginable import model as models
from imaginable.apps._fillers import filler
from imaginable.cli import main
from imaginable.core.errors import UserError
from imaginable.core.optimizers import Optimizer
from imaginable.core.types import DataSpec, Kind
from imaginable.data import images
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods.cyclegan import CycleGan
from imaginable.methods.gan import Gan
from imaginable.model import Model

SIZE, CODES = 16, 3
Said = pytest.CaptureFixture[str]


class Linear(nn.Module):
    """Pictures that are sums of three waves, and the shares of the waves in a picture."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        waves = torch.linspace(0, 6, SIZE) * torch.tensor([[1.0], [1.7], [2.5]])
        basis = torch.sin(waves)[:, None, :, None] * torch.cos(0.5 * waves)[:, None, None, :]
        self.basis = nn.Parameter(0.2 * basis.expand(-1, channels, -1, -1).clone())
        self.shift = nn.Parameter(0.3 * torch.arange(max(1, classes)).float())

    def decode(self, z: Tensor, label: Tensor | None) -> Tensor:
        made = torch.einsum("nk,kchw->nchw", z, self.basis)
        return made if label is None else made + self.shift[label, None, None, None]


@dataclass(frozen=True)
class Decoder(Method[Linear]):
    """As a GAN: a prior and no encoder."""

    paper: ClassVar[str] = "none"
    consumes: ClassVar[frozenset[Kind]] = frozenset({"images"})
    averaged: ClassVar[tuple[str, ...]] = ()
    labels = "optional"

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Linear:
        return Linear(spec.shape[0], len(spec.classes))

    def optimizers(self) -> dict[str, Optimizer]:
        return {}

    def phases(self) -> tuple[Phase[Linear], ...]:
        return ()

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (CODES,)

    def prior(self, nets: Linear, n: int, spec: DataSpec, generator: torch.Generator, label: Any = None) -> Tensor:
        return torch.randn(n, CODES, generator=generator)

    def decode(self, nets: Linear, z: Tensor, label: Tensor | None = None, generator: Any = None) -> Tensor:
        return nets.decode(z, label)


@dataclass(frozen=True)
class Both(Decoder):
    """As a VAE: with an encoder, here least squares."""

    def encode(self, nets: Linear, x: Tensor, label: Tensor | None = None) -> Tensor:
        rest = x if label is None else x - nets.shift[label, None, None, None]
        return rest.flatten(1) @ torch.linalg.pinv(nets.basis.flatten(1))


def model(method: Method[Any], channels: int = 1, classes: tuple[str, ...] = ()) -> Model:
    spec = DataSpec("images", (channels, SIZE, SIZE), classes=classes, count=9)
    return Model(Trained(method, method.networks(spec, {}).requires_grad_(False), spec), {"run": "tiny"})


def holed(of: Model, n: int = 4, label: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures that the model can make, the same with another thing in the hole, and the hole."""
    x = of.decode_tensor(torch.randn(n, CODES, generator=torch.Generator().manual_seed(1)), label)
    hole = torch.zeros(n, 1, SIZE, SIZE)
    hole[:, :, 4:11, 6:13] = 1
    return x, torch.where(hole > 0, torch.full_like(x, 0.9), x), hole


@pytest.mark.parametrize("method", [Decoder(), Both()])
def test_what_is_known_decides_what_is_filled(method: Method[Any]) -> None:
    of = model(method)
    x, spoilt, hole = holed(of)
    made = filler(of, steps=60)(spoilt, hole)
    torch.testing.assert_close(made, x, atol=0.03, rtol=0)
    known = (hole == 0).expand_as(x)
    assert torch.equal(made[known], spoilt[known])


@pytest.mark.parametrize("method", [Decoder(), Both()])
def test_of_the_classes_the_one_that_shows_what_is_known(method: Method[Any]) -> None:
    of = model(method, classes=("dark", "middle", "light"))
    x, spoilt, hole = holed(of, 3, torch.tensor([2, 0, 1]))
    torch.testing.assert_close(filler(of, steps=60)(spoilt, hole), x, atol=0.03, rtol=0)


def test_the_seed_decides_and_neighbours_do_not() -> None:
    of = model(Decoder())
    _, spoilt, hole = holed(of, 6)
    together = filler(of, 7, steps=4)(spoilt, hole)
    assert torch.equal(filler(of, 7, steps=4)(spoilt[3:5].flip(0), hole[3:5]), together[3:5].flip(0))
    assert not torch.equal(filler(of, 8, steps=4)(spoilt, hole), together)


def test_nothing_to_fill_nothing_is_done() -> None:
    of = model(Decoder())
    _, spoilt, hole = holed(of)
    assert torch.equal(filler(of)(spoilt, torch.zeros_like(hole)), spoilt)


def test_models_that_cannot() -> None:
    cyclegan, spec = CycleGan(width=4, blocks=1), DataSpec("domains", (1, 32, 32), target_shape=(1, 32, 32), count=9)
    with pytest.raises(UserError, match="cyclegan does not inpaint; it can translate"):
        filler(Model(Trained(cyclegan, cyclegan.networks(spec, {}), spec), {}))
    gan, points = Gan(hidden=8), DataSpec("points", (2,), count=9)
    with pytest.raises(UserError, match="gan was trained on points: there are no pictures to fill"):
        filler(Model(Trained(gan, gan.networks(points, {}), points), {}))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(models, "load", partial(models.load, method=Both))
    model(Both()).save(tmp_path / "run")
    return tmp_path / "run"


def inpainted(run: Path, given: np.ndarray, hole: np.ndarray, *words: str) -> np.ndarray:
    folder = run.parent
    Image.fromarray(given).save(folder / "given.png")
    Image.fromarray(np.where(hole, 255, 0).astype(np.uint8)).save(folder / "mask.png")
    paths = [str(run), str(folder / "given.png"), "--masks", str(folder / "mask.png"), "--out", str(folder / "out")]
    assert main(["inpaint", *paths, *words]) == 0
    with Image.open(folder / "out" / "given.png") as picture:
        return np.asarray(picture)


def test_inpaint_by_codes(run: Path, capsys: Said) -> None:
    x, spoilt, hole = holed(model(Both()), 1)
    mask = hole[0, 0].numpy() > 0
    made = inpainted(run, images.to_uint8(spoilt)[0, ..., 0], mask, "--steps", "40", "--seed", "3")
    truth = images.to_uint8(x)[0, ..., 0]
    np.testing.assert_array_equal(made[~mask], truth[~mask])
    assert np.abs(made.astype(int) - truth)[mask].max() <= 3
    assert "seen at 16x16 (--steps 40, --seed 3)" in capsys.readouterr().out


def test_a_picture_of_another_size_and_colours_is_seen_at_the_models_size(run: Path) -> None:
    x, _, _ = holed(model(Both()), 1)
    shown = images.to_uint8(x)[0].repeat(4, 0).repeat(4, 1)  # grey, (64, 64, 1)
    coloured = np.concatenate([shown, 255 - shown, shown], 2)
    wide = np.concatenate([coloured, np.full((64, 10, 3), 200, np.uint8)], 1)
    mask = np.zeros((64, 74), bool)
    mask[20:36, 8:24] = True
    made = inpainted(run, np.where(mask[..., None], 90, wide).astype(np.uint8), mask, "--steps", "40")
    np.testing.assert_array_equal(made[~mask], wide[~mask])
    assert np.abs(made.astype(int) - wide)[mask].mean() < 8, "each channel as a grey picture of its own"


def test_flags_that_are_of_no_use(run: Path, capsys: Said) -> None:
    assert main(["inpaint", str(run), "nowhere.png", "--masks", "no.png", "--tile", "64"]) == 2
    assert "--tile 64: " in capsys.readouterr().err
    assert main(["inpaint", str(run), "nowhere.png", "--masks", "no.png", "--steps", "-1"]) == 2
    assert "--steps -1: must not be negative" in capsys.readouterr().err
