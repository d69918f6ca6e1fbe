"""A run as a folder of diffusers, and such a folder as a run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from imaginable import model as models
from imaginable.cli import main

TINY = ["--block-out-channels", "8", "16", "--norm-num-groups", "4", "--width", "8", "--size", "32"]
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five steps of the first stage."""
    folder = tmp_path_factory.mktemp("runs") / "stage"
    few = ["--limit", "60", "--batch", "8", "--images", "40"]
    assert main(["train", "autoencoder_kl", "sneakers", *TINY, *few, "--run", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    out = run.parent / "exported"
    assert main(["export", str(run), "--to", "diffusers", "--out", str(out)]) == 0
    return out


@pytest.fixture
def x() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(2, 3, 32, 32) * 2 - 1


def autoencoder_of(folder: Path) -> Any:
    diffusers = pytest.importorskip("diffusers")
    return diffusers.AutoencoderKL.from_pretrained(folder).eval()


def test_a_trained_model_opens_in_diffusers_with_the_same_output(run: Path, exported: Path, x: torch.Tensor) -> None:
    model, other = models.load(run), autoencoder_of(exported)
    assert sorted(path.name for path in exported.iterdir()) == ["config.json", WEIGHTS]
    codes = model.encode_tensor(x)
    with torch.no_grad():
        z = other.encode(x).latent_dist.mean
        scaled = (z - other.config.shift_factor) * other.config.scaling_factor
        rebuilt = other.decode(z).sample.clamp(-1, 1)
    assert other.config.scaling_factor != 1, "measured"
    assert other.config.sample_size == 32
    torch.testing.assert_close(codes, scaled, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model.decode_tensor(codes), rebuilt, rtol=1e-5, atol=1e-5)


def test_what_was_exported_comes_back(run: Path, exported: Path, tmp_path: Path, x: torch.Tensor) -> None:
    back = tmp_path / "back"
    assert main(["import", str(exported), "--run", str(back)]) == 0
    before, after = models.load(run), models.load(back)
    assert after.trained.spec.shape == (3, 32, 32)
    torch.testing.assert_close(after.encode_tensor(x), before.encode_tensor(x), rtol=1e-5, atol=1e-5)
    codes = torch.randn(2, 4, 16, 16)
    torch.testing.assert_close(after.decode_tensor(codes), before.decode_tensor(codes), rtol=1e-5, atol=1e-5)
    assert main(["info", str(back)]) == 0
    assert main(["reconstruct", str(back), "sneakers", "--out", str(tmp_path / "rebuilt")]) == 0
    assert str(exported.parent) not in (back / "model" / "model.yaml").read_text()


@pytest.mark.parametrize("quantises", [True, False])
def test_a_model_made_by_diffusers_becomes_a_run(quantises: bool, tmp_path: Path, x: torch.Tensor) -> None:
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(1)
    made = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        sample_size=64,
        scaling_factor=1.5305,
        shift_factor=0.0609,
        use_quant_conv=quantises,
        use_post_quant_conv=quantises,
    ).eval()
    made.save_pretrained(tmp_path / "pipeline" / "vae")
    assert main(["import", str(tmp_path / "pipeline"), "--run", str(tmp_path / "run"), "--size", "32"]) == 0
    model = models.load(tmp_path / "run")
    with torch.no_grad():
        z = made.encode(x).latent_dist.mean
        torch.testing.assert_close(model.encode_tensor(x), (z - 0.0609) * 1.5305, rtol=1e-5, atol=1e-5)
        rebuilt = made.decode(z).sample.clamp(-1, 1)
    torch.testing.assert_close(model.decode_tensor(model.encode_tensor(x)), rebuilt, rtol=1e-5, atol=1e-5)


def test_old_names_and_half_precision_are_read(exported: Path, tmp_path: Path, x: torch.Tensor) -> None:
    old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    folder = tmp_path / "old"
    shutil.copytree(exported, folder)
    weights = {}
    for name, value in safetensors.torch.load_file(folder / WEIGHTS).items():
        for new, before in old.items():
            name = name.replace(new, before)
        weights[name] = value.half()
    assert any(".proj_attn." in name for name in weights)
    safetensors.torch.save_file(weights, folder / WEIGHTS)
    assert main(["import", str(folder), "--run", str(tmp_path / "run")]) == 0
    assert main(["import", str(exported), "--run", str(tmp_path / "exact")]) == 0
    one, exact = models.load(tmp_path / "run"), models.load(tmp_path / "exact")
    torch.testing.assert_close(one.encode_tensor(x), exact.encode_tensor(x), rtol=1e-2, atol=1e-2)


def test_a_run_of_another_method_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--width", "8", "--latents", "4", "--size", "32", "--limit", "60", "--batch", "8", "--images", "8"]
    assert main(["train", "vae", "sneakers", *small, "--run", str(tmp_path / "vae")]) == 0
    capsys.readouterr()
    assert main(["export", str(tmp_path / "vae"), "--to", "diffusers", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "takes models of autoencoder_kl" in said
    assert "made by vae" in said
    assert not (tmp_path / "out").exists()


def rewrite(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        described = json.loads(path.read_text())
        described.update(changes)
        path.write_text(json.dumps({name: value for name, value in described.items() if value != "absent"}))

    return change


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "config.json: no such file"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), f"{WEIGHTS}: no such file"),
    "only .bin": (lambda folder: (folder / WEIGHTS).rename(folder / "diffusion_pytorch_model.bin"), "can run code"),
    "no JSON": (lambda folder: (folder / "config.json").write_text("{"), "not readable as JSON"),
    "a list": (lambda folder: (folder / "config.json").write_text("[]"), "a mapping"),
    "cut off": (lambda folder: (folder / WEIGHTS).write_bytes(b"12345678901"), "damaged"),
    "another class": (rewrite(_class_name="AutoencoderTiny"), "'AutoencoderTiny' is none of AutoencoderKL"),
    "another block": (rewrite(up_block_types=["AttnUpDecoderBlock2D"] * 2), "up_block_types"),
    "own statistics": (rewrite(latents_mean=[0.1, 0, 0, 0]), "latents_mean"),
    "other weights": (rewrite(layers_per_block=2), "do not fit config.json"),
    "a field less": (rewrite(latent_channels="absent"), "latent_channels missing"),
    "no groups": (rewrite(norm_num_groups=0), "must be positive"),
    "no scale": (rewrite(scaling_factor=0), "must be positive"),
    "unlike ends": (rewrite(out_channels=1), "this is no autoencoder"),
    "odd size": (rewrite(sample_size=30), "the nearest is 32"),
}


@pytest.mark.parametrize("how", SPOILED)
def test_what_cannot_be_read_is_refused_in_one_line(
    how: str, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, expected = SPOILED[how]
    folder = tmp_path / "folder"
    shutil.copytree(exported, folder)
    spoil(folder)
    assert main(["import", str(folder), "--run", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("name", "expected"), [("model.ckpt", "can run code"), ("x.safetensors", "name the folder")])
def test_a_single_file_is_refused(name: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_bytes(b"")
    assert main(["import", str(tmp_path / name), "--run", str(tmp_path / "run")]) == 2
    assert expected in capsys.readouterr().err


def test_an_existing_run_is_not_overwritten(run: Path, exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (run / "model" / "model.safetensors").read_bytes()
    assert main(["import", str(exported), "--run", str(run)]) == 2
    assert "--run" in capsys.readouterr().err
    assert (run / "model" / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["export", "nowhere", "--to", "diffusers"], "no model here"),
        (["export", "nowhere", "--to", "onnx"], "diffusers"),
        (["export", "nowhere"], "--to"),
        (["import", "nowhere"], "--run"),
        (["import", "nowhere", "--run", "x"], "nowhere"),
    ],
)
def test_wrong_words_are_named(
    words: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert expected in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
