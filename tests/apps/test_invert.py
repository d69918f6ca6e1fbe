"""Codes of a person's pictures: with an own encoder and without, told with a yardstick, kept and made anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import imaginable as im
from imaginable.apps import _design, _fast_encoder
from imaginable.apps._fast_encoder import Cancelled
from imaginable.apps._inverter import OWN, Inverter, Yardstick
from imaginable.apps._operands import code
from imaginable.cli import main
from imaginable.core.types import DataSpec
from imaginable.data import images
from imaginable.methods import _storage
from imaginable.methods._method import Trained
from imaginable.methods.autoencoder import Autoencoder
from imaginable.methods.sngan import Sngan
from imaginable.methods.vae import Vae

QUICK = ["--steps", "2", "--starts", "2", "--images", "64"]


@pytest.fixture
def gan(tiny_generator: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_generator, tmp_path / "gan"))


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec, folder = DataSpec("images", (3, 32, 32), count=40), tmp_path_factory.mktemp("vae") / "model"
    method = Vae(width=8, latents=8)
    torch.manual_seed(0)
    _storage.save(Trained(method, method.networks(spec, {}), spec), folder, {})
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for name in ("one", "two"):
        images.save(folder / f"{name}.png", random.integers(0, 256, (40, 32, 3), dtype=np.uint8), None)
    return folder


def quietly(line: str) -> None:
    """For what need not be said."""


def inverter_of(run: Path, count: int | None = 64) -> Inverter:
    return Inverter.of(im.load(run), run, quietly, images=count, on_progress=lambda seen, total: None)


def test_a_model_without_an_encoder_gets_one_and_all_is_written(
    gan: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["invert", str(gan), str(photos), "--out", str(tmp_path / "out"), *QUICK]) == 0
    said = capsys.readouterr().out
    assert "has no encoder: training one on 64 pictures" in said
    assert said.index("yardstick:") < said.index("one.png:") < said.index("two.png:")
    written = np.load(tmp_path / "out" / "codes.npz")
    assert written["names"].tolist() == ["one.png", "two.png"]
    assert written["codes"].shape == (2, 8)
    assert (written["errors"] <= written["errors_encoded"]).all()
    model = im.load(gan)
    design = _design.load_recipe(tmp_path / "out" / "two.json", model)
    torch.testing.assert_close(_design.code_of(model, design), torch.from_numpy(written["codes"][1]))
    sheet = np.asarray(Image.open(tmp_path / "out" / "inverted.png"))
    cells = images.cut(sheet[:-4], 32, 32)
    expected = model.decode_array(torch.from_numpy(written["codes"]))
    assert np.abs(cells[4:6].astype(int) - expected).max() <= 1, "originals, by the encoder alone, refined"


def test_a_model_with_an_encoder_uses_its_own(vae: Path, photos: Path, tmp_path: Path) -> None:
    assert main(["invert", str(vae), str(photos / "one.png"), "--out", str(tmp_path), "--fast", *QUICK]) == 0
    assert not (vae / "inverter" / "encoder").exists()
    own = im.load(vae).encode([photos / "one.png"])
    np.testing.assert_allclose(np.load(tmp_path / "codes.npz")["codes"], own, atol=1e-6)


def test_the_encoder_is_trained_once_and_anew_for_other_weights(gan: Path) -> None:
    weights = gan / "inverter" / "encoder" / "model" / "model.safetensors"
    inverter_of(gan)
    first = weights.stat().st_mtime_ns
    inverter_of(gan)
    inverter_of(gan, None)
    assert weights.stat().st_mtime_ns == first, "the same weights and length, or any length"
    inverter_of(gan, 128)
    longer = weights.stat().st_mtime_ns
    assert longer != first
    generator = _storage.load(gan)
    with torch.no_grad():
        next(generator.networks.parameters()).mul_(2)
    _storage.save(generator, gan, {})
    inverter_of(gan, 128)
    assert weights.stat().st_mtime_ns != longer


def test_a_cancelled_training_goes_on_even_where_the_folder_was_moved(gan: Path, tmp_path: Path) -> None:
    seen: list[int] = []

    def at_half() -> bool:
        return bool(seen) and seen[-1] >= 256

    with pytest.raises(Cancelled):
        Inverter.of(
            im.load(gan), gan, quietly, images=640, on_progress=lambda now, _: seen.append(now), cancelled=at_half
        )
    stopped = seen[-1]
    assert 256 <= stopped < 640
    moved = gan.rename(tmp_path / "moved")
    seen.clear()
    Inverter.of(im.load(moved), moved, quietly, images=640, on_progress=lambda now, _: seen.append(now))
    assert seen[0] > stopped
    assert seen[-1] == 640


def test_interrupted_on_the_command_line_it_says_how_to_go_on(
    gan: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object) -> None:
        raise Cancelled

    monkeypatch.setattr(_fast_encoder, "_train", stopped)
    assert main(["invert", str(gan), str(photos), *QUICK]) == 130
    assert "the same command goes on" in capsys.readouterr().out


def test_the_yardstick_is_kept_for_these_weights(vae: Path) -> None:
    told: list[int] = []
    inverter = inverter_of(vae)
    first = inverter.yardstick(3, 2, lambda done, total: told.append(done))
    assert told
    assert first.n == OWN
    assert 0 <= first.refined <= first.encoded
    told.clear()
    assert inverter.yardstick(3, 2, lambda done, total: told.append(done)) == first
    assert not told, "it was kept"
    (vae / "inverter" / "yardstick.json").write_text("[1")
    assert inverter.yardstick(3, 2) == first, "measured again where the file is damaged"


def test_the_verdict_says_what_the_model_lacks() -> None:
    yardstick = Yardstick(encoded=0.004, refined=0.001, random=0.003, mean=0.02, n=16)
    assert "as good as" in yardstick.verdict(0.0019)
    assert "near, 15% of" in yardstick.verdict(0.003)
    assert "cannot make" in yardstick.verdict(0.03)
    assert "as good as" in yardstick.verdict(0.003, fast=True)


def test_own_pictures_are_found_with_their_classes(tmp_path: Path) -> None:
    spec = DataSpec("images", (3, 32, 32), classes=("a", "b"), count=40)
    method = Sngan(width=8, latents=8)
    torch.manual_seed(1)
    networks = method.networks(spec, {})
    with torch.no_grad():  # untrained, all classes look alike
        for name, parameter in networks.named_parameters():
            if "scale" in name or "shift" in name:
                parameter.add_(torch.randn_like(parameter))
    _storage.save(Trained(method, networks, spec), tmp_path / "model", {})
    inverter = inverter_of(tmp_path / "model")
    model, label = inverter.model, torch.tensor([0, 1, 1])
    x = model.decode_tensor(model.latents(3), label)
    told, guessed = (inverter.invert(x, one, steps=2, starts=2) for one in (label, None))
    assert told.label is not None
    assert torch.equal(told.label, label)
    assert guessed.label is not None
    assert bool((guessed.error_before <= told.error_before + 1e-7).all()), "the class that fits best"


def test_a_picture_is_an_operand_of_a_gan_too(gan: Path, photos: Path) -> None:
    inverter_of(gan)
    said: list[str] = []
    z = code(str(photos / "one.png"), gan, im.load(gan), said.append)
    assert z.shape == (8,)
    assert "has no encoder" in said[0]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--steps", "0"], "must be at least 1"),
        (["--images", "0"], "must be at least 1"),
        (["--label", "x"], "was not told the classes"),
    ],
)
def test_senseless_requests_are_refused(
    flags: list[str], said: str, vae: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["invert", str(vae), str(photos), *flags]) == 2
    assert said in capsys.readouterr().err


def test_a_model_without_a_prior_says_what_to_do(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, method = DataSpec("images", (3, 32, 32), count=40), Autoencoder(width=8, latents=8)
    _storage.save(Trained(method, method.networks(spec, {}), spec), tmp_path / "model", {})
    assert main(["invert", str(tmp_path / "model"), str(photos)]) == 2
    assert "--prior fitted" in capsys.readouterr().err


def test_what_is_no_picture_is_refused(vae: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "no.png").write_text("no picture")
    assert main(["invert", str(vae), str(tmp_path / "no.png")]) == 2
    assert "no.png" in capsys.readouterr().err
