"""What every kind of model says of a picture: which scores there are, and what they come to where that is known."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from detecting import Brightest, dark, quietly
from torch import Tensor
from translating import Grey

import imaginable as im
from imaginable.apps import _scorers
from imaginable.apps._inverter import Inverter
from imaginable.apps._scorers import Given, Scorer, Seen
from imaginable.apps._simple_scorers import simple_scorers
from imaginable.core import seeds
from imaginable.core.errors import UserError
from imaginable.core.types import DataSpec
from imaginable.data import images
from imaginable.data.dataset import Dataset
from imaginable.latent.outlying import Cloud
from imaginable.methods._method import Method, Trained
from imaginable.methods.autoencoder import Autoencoder
from imaginable.methods.dcgan import Dcgan
from imaginable.methods.draem import Draem
from imaginable.methods.ganomaly import Ganomaly
from imaginable.methods.inpainting import Inpainting
from imaginable.methods.ladder_vae import LadderVae
from imaginable.methods.pix2pix import Pix2Pix
from imaginable.methods.vae import Vae
from imaginable.methods.vq_vae import VqVae
from imaginable.model import Model

SPEC = DataSpec("images", (3, 32, 32), count=40)
REBUILT = ["rebuilt-mean", "rebuilt-worst", "rebuilt-features"]
CODES = ["mahalanobis", "nearest"]


def untrained(method: Method[Any], spec: DataSpec = SPEC) -> Model:
    torch.manual_seed(0)
    networks = method.networks(spec, {}).eval().requires_grad_(False)
    return Model(Trained(method, networks, spec), {"run": "tiny"})


def given(model: Model) -> Given:
    if not _scorers.wants_codes(model):
        return Given(Path("nowhere"), None, quietly)
    with torch.no_grad():
        return Given(Path("nowhere"), Cloud.fit(model.encode_tensor(pictures(24, seed=7))), quietly)


def pictures(n: int = 5, seed: int = 0, side: int = 32) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def scorers_of(method: Method[Any]) -> dict[str, Scorer]:
    model = untrained(method)
    return {one.name: one for one in _scorers.scorers(model, given(model))}


TINY = {
    "vae": Vae(width=8, latents=6),
    "ladder_vae": LadderVae(width=8),
    "autoencoder": Autoencoder(width=8, latents=6),
    "vq_vae": VqVae(width=8, hidden=16, codes=16),
    "ganomaly": Ganomaly(width=8, latents=6),
    "draem": Draem(width=8, restorer_width=8, levels=2),
    "inpainting": Inpainting(width=8, dilations=1, judge_width=4),
}
HAS = {
    "vae": [*REBUILT, "bound", *CODES],
    "ladder_vae": [*REBUILT, "bound", *CODES],
    "autoencoder": [*REBUILT, *CODES],
    "vq_vae": [*REBUILT, *CODES],
    "ganomaly": ["own", *REBUILT, *CODES],
    "draem": ["own"],
    "inpainting": ["filled-mean", "filled-worst", "filled-features"],
}


@pytest.mark.parametrize("name", TINY)
def test_every_kind_of_model_has_its_scores_and_each_depends_on_the_picture_alone(name: str) -> None:
    found = scorers_of(TINY[name])
    assert list(found) == HAS[name]
    x = pictures().contiguous(memory_format=torch.channels_last)
    for one in found.values():
        with torch.no_grad():
            seen, turned, alone = one.look(x), one.look(x.flip(0)), one.look(x[3:4])
        assert seen.score.shape == (5,), one.name
        assert bool(torch.isfinite(seen.score).all()), one.name
        torch.testing.assert_close(turned.score.flip(0), seen.score, rtol=1e-4, atol=1e-5, msg=one.name)
        torch.testing.assert_close(alone.score, seen.score[3:4], rtol=1e-4, atol=1e-5, msg=one.name)
        if one.name in ("bound", *CODES):
            assert seen.map is None
        else:
            assert seen.map is not None
            assert seen.map.shape == (5, 32, 32)
            torch.testing.assert_close(turned.map, seen.map.flip(0), rtol=1e-3, atol=1e-4)


def test_a_method_of_its_own_is_asked_as_it_stands() -> None:
    look = scorers_of(Brightest())["own"].look  # type: ignore[arg-type]
    x = -torch.ones(2, 3, 8, 8)
    x[1, :, 5, 2] = 0.5
    seen = look(x)
    assert seen.score.tolist() == pytest.approx([0, 0.75])
    assert seen.map is not None
    assert seen.map[1, 5, 2].item() == pytest.approx(0.75)


def test_the_bound_is_that_of_one_draw_and_the_same_draw_for_all() -> None:
    model = untrained(TINY["vae"])
    (bound,) = (one for one in _scorers.scorers(model, given(model)) if one.name == "bound")
    one = pictures(1)
    seen = bound.look(one.expand(4, -1, -1, -1)).score
    assert len(seen.unique()) == 1
    method, nets = model.method, model.trained.networks
    assert isinstance(method, Vae)
    weights = [method.log_weights(nets, one, 1, seeds.generator(word), None).item() for word in ("anomalies", "other")]  # type: ignore[arg-type]
    assert seen[0].item() == pytest.approx(-weights[0])
    assert abs(weights[1] - weights[0]) > 0.1, "so another draw would show"


# ---- rebuilt


def test_errors_are_of_a_pixel_of_the_worst_place_and_of_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that rebuilds black of everything."""
    model = untrained(TINY["autoencoder"])
    monkeypatch.setattr(Model, "decode_tensor", lambda self, z, label=None: -torch.ones(len(z), 3, 32, 32))
    found = {one.name: one for one in _scorers.scorers(model, given(model))}
    x = -torch.ones(2, 3, 32, 32)
    x[1, 0, 10:15, 20:25] = 1  # red
    with torch.no_grad():
        mean, worst, features = (found[name].look(x) for name in REBUILT)
    assert mean.score.tolist() == pytest.approx([0, 25 / 32**2 / 3])
    assert worst.score.tolist() == pytest.approx([0, 1 / 3])
    assert worst.map is not None
    assert divmod(int(worst.map[1].argmax()), 32) == (12, 22)
    torch.testing.assert_close(mean.map, worst.map)
    assert features.score[0] == 0
    assert features.score[1] > 0
    assert features.map is not None
    row, column = divmod(int(features.map[1].argmax()), 32)
    assert abs(row - 12) <= 4
    assert abs(column - 22) <= 4


def test_the_local_window_is_the_greatest_mean_and_edges_count_as_much() -> None:
    error = torch.zeros(3, 9, 9)
    error[0, 0, 0], error[1, 4, 4] = 9, 9
    error[2] = 1
    seen = _scorers.local(error, 3)
    assert seen.score.tolist() == pytest.approx([9 / 4, 1, 1])
    assert seen.map is not None
    assert seen.map[2].unique().tolist() == pytest.approx([1])
    assert torch.equal(_scorers.local(error, 1).map, error)  # type: ignore[arg-type]


def test_what_several_scores_need_is_made_once() -> None:
    asked: list[Tensor] = []

    def function(x: Tensor) -> Tensor:
        asked.append(x)
        return 2 * x

    remembering, one, other = _scorers.once(function), torch.ones(2), torch.ones(2)
    for _ in range(3):
        assert torch.equal(remembering(one), 2 * one)
    assert len(asked) == 1
    remembering(other)
    assert len(asked) == 2, "as many numbers, but another tensor"
    remembering(one)
    assert len(asked) == 3, "only the last is kept: memory does not grow"


def test_a_model_encodes_and_decodes_a_block_once_for_all_its_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(name: str) -> Callable[..., Tensor]:
        plain: Callable[..., Tensor] = getattr(Model, name)

        def call(self: Model, *words: Any) -> Tensor:
            calls.append(name)
            return plain(self, *words)

        return call

    for name in ("encode_tensor", "decode_tensor"):
        monkeypatch.setattr(Model, name, counted(name))
    found = scorers_of(TINY["autoencoder"])
    calls.clear()
    x = pictures()
    for one in found.values():
        one.look(x)
    assert sorted(calls) == ["decode_tensor", "encode_tensor"]


# ---- holes


@pytest.mark.parametrize(("height", "width"), [(32, 32), (16, 16), (48, 24)])
def test_the_quarters_hide_every_pixel_once(height: int, width: int) -> None:
    masks = torch.cat(_scorers.quarters(height, width))
    assert masks.shape == (4, 1, height, width)
    assert torch.equal(masks.sum(0), torch.ones(1, height, width))
    for mask in masks:
        assert float(mask.mean()) == pytest.approx(0.25)
    assert masks[0, 0, 0, 0] == 1
    assert masks[0, 0, 0, width // 8 - 1] == 1
    assert masks[0, 0, 0, width // 8] == 0


def test_a_model_that_fills_holes_is_compared_with_what_it_fills_in() -> None:
    """One that fills all holes with a middle grey: only pixels hidden from it count."""
    model = untrained(Grey())  # type: ignore[arg-type]
    found = {one.name: one for one in _scorers.scorers(model, given(model))}
    x = torch.zeros(2, 3, 32, 32)
    x[1, :, 12, 15] = 1
    assert found["filled-mean"].look(x).score.tolist() == pytest.approx([0, 0.5 / 32**2])
    assert found["filled-worst"].look(x).score.tolist() == pytest.approx([0, 0.5 / 25])


# ---- GANs


def test_a_gan_is_asked_by_way_of_the_nearest_picture_it_can_make(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Mapping[str, Any]] = []

    @dataclass(frozen=True)
    class Found:
        model: Model

        def invert(self, x: Tensor, **how: Any) -> SimpleNamespace:
            asked.append(how)
            return SimpleNamespace(refined=torch.zeros_like(x), encoded=x)

    model, runs = untrained(Dcgan(width=8, latents=6)), []

    def of(model: Model, run: Path, say: Any, on_progress: Any = None) -> Found:
        runs.append(run)
        return Found(model)

    monkeypatch.setattr(_scorers.Inverter, "of", of)
    found = {one.name: one for one in _scorers.scorers(model, Given(Path("runs/gan"), None, quietly))}
    assert list(found) == ["inverted-mean", "inverted-worst", "inverted-features"]
    assert runs == [Path("runs/gan")]
    x = torch.full((2, 3, 32, 32), 0.5)
    for one in found.values():
        seen = one.look(x)
    assert len(asked) == 1, "the search is the dear part"
    assert asked[0] == {"steps": _scorers.STEPS, "starts": _scorers.STARTS}
    assert found["inverted-mean"].look(x).score.tolist() == pytest.approx([0.25, 0.25])
    assert seen.score.shape == (2,)


def test_the_search_goes_on_where_gradients_are_off(
    tiny_generator: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a real inverter, whose encoder learns for a moment: a picture of the model's own is nearer than noise."""
    run = Path(shutil.copytree(tiny_generator, tmp_path / "gan"))
    of = partial(Inverter.of, images=64, on_progress=lambda seen, total: None)
    monkeypatch.setattr(_scorers.Inverter, "of", of)
    model = im.load(run)
    found = {one.name: one for one in _scorers.scorers(model, Given(run, None, quietly))}
    x = torch.cat([model.decode_tensor(model.latents(2)), pictures(2)])
    with torch.no_grad():
        seen = found["inverted-mean"].look(x)
    assert not seen.score.requires_grad
    assert float(seen.score[:2].max()) < float(seen.score[2:].min())


def test_a_model_that_says_nothing_is_refused() -> None:
    spec = replace(SPEC, kind="pairs", target_shape=(3, 32, 32))
    with pytest.raises(UserError, match="pix2pix says nothing of how unlike a picture is"):
        _scorers.scorers(untrained(Pix2Pix(width=8), spec), Given(Path("x"), None, quietly))


# ---- small parts


def test_blocks_and_their_answers_are_in_order() -> None:
    parts = list(_scorers.blocks(np.arange(150)))
    assert [len(part) for part in parts] == [64, 64, 22]
    seen = _scorers.joined([Seen(torch.from_numpy(part), torch.from_numpy(part)[:, None, None]) for part in parts])
    assert torch.equal(seen.score, torch.arange(150))
    assert seen.map is not None
    assert seen.part(70).score.tolist() == [70]
    assert seen.part(70).map is not None
    assert _scorers.joined([Seen(torch.ones(2)), Seen(torch.ones(3))]).map is None


# ---- without a model


def small_dataset(items: np.ndarray) -> Dataset:
    n, nothing = len(items), np.zeros(0, dtype=np.int64)
    spec, factors = DataSpec("images", (3, 16, 16), count=n), np.zeros((n, 0), np.float32)
    return Dataset(spec, items, np.full(n, -1), factors, tuple(map(str, range(n))), np.arange(n), nothing)


def test_simple_scores_find_a_spot_and_where_it_is() -> None:
    good = dark(200)
    found = {one.name: one for one in simple_scorers(small_dataset(good))}
    assert list(found) == ["pca-mean", "pca-worst", "patches"]
    fresh = dark(20, seed=3)
    spoilt = fresh.copy()
    spoilt[:, 8:12, 4:8] = 255
    for one in found.values():
        seen, bad = one.look(images.to_float(fresh)), one.look(images.to_float(spoilt))
        assert float(bad.score.min()) > float(seen.score.max()), one.name
        assert bad.map is not None
        rows, columns = (bad.map.flatten(1).argmax(1) // 16), (bad.map.flatten(1).argmax(1) % 16)
        assert bool(((rows >= 6) & (rows < 14) & (columns >= 2) & (columns < 10)).all()), one.name


def test_principal_components_rebuild_what_lies_in_their_span() -> None:
    """Pictures between two: one component is enough, and what lies beside it is left over to the last bit."""
    random = np.random.default_rng(0)
    ends = random.integers(0, 256, (2, 16, 16, 3))
    share = np.linspace(0, 1, 50)[:, None, None, None]
    good = np.round(share * ends[0] + (1 - share) * ends[1]).astype(np.uint8)
    (mean, _, _) = simple_scorers(small_dataset(good))
    assert " 1 principal components" in mean.said or "of 1 principal" in mean.said
    assert float(mean.look(images.to_float(good)).score.max()) < 0.004
    other = images.to_float(random.integers(0, 256, (4, 16, 16, 3), dtype=np.uint8))
    assert float(mean.look(other).score.min()) > 0.1


def test_a_patch_that_was_seen_is_at_no_distance() -> None:
    """One colour everywhere: every patch is in the bank; another colour is as far as its difference says."""
    good = np.full((30, 16, 16, 3), 100, np.uint8)
    good[::2] = 50
    *_, patches = simple_scorers(small_dataset(good))
    assert patches.look(images.to_float(good[:2])).score.tolist() == pytest.approx([0, 0], abs=0.02)
    other = patches.look(images.to_float(np.full((1, 16, 16, 3), 130, np.uint8)))
    assert other.score.item() == pytest.approx(30 / 127.5 * (5 * 5 * 3) ** 0.5, rel=1e-4)
