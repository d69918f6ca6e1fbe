"""A folder made of every bad file: `check` and `train` treat each as promised."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imaginable.cli import main

CHEAP = ["--width", "8", "--latents", "4", "--size", "32", "--batch", "8", "--images", "32"]


def good(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb(path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)))


def truncated(path: Path) -> None:
    good(path, 1)
    path.write_bytes(path.read_bytes()[:-1200])


BAD = {
    "text.png": lambda path: path.write_text("I am a text"),
    "truncated.jpg": truncated,
    "zero.jpg": lambda path: path.write_bytes(b""),
    "bomb.png": bomb,
    "pixel.png": lambda path: Image.new("RGB", (1, 1)).save(path),
}


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """120 good pictures and one of every bad kind: at most 5 % bad."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for number in range(120):
        good(folder / f"good{number:03d}.png", number)
    for name, make in BAD.items():
        make(folder / name)
    return folder


@pytest.mark.parametrize("name", BAD)
def test_check_names_every_bad_file(name: str, mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(mixed)]) == 0
    out, err = capsys.readouterr()
    assert name in out
    assert "Traceback" not in err


def test_train_skips_them_and_says_how_many(mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main(["train", "vae", str(mixed), *CHEAP, "--run", str(run)]) == 0
    out, err = capsys.readouterr()
    assert "5" in next(line for line in (out + err).splitlines() if "skip" in line)
    manifest = (run / "manifest.json").read_text()
    assert all(name in manifest for name in BAD)


@pytest.mark.parametrize("name", BAD)
def test_on_bad_stop_names_the_file(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    for number in range(30):
        good(folder / f"good{number:02d}.png", number)
    BAD[name](folder / name)
    run = tmp_path / "run"
    assert main(["train", "vae", str(folder), *CHEAP, "--on-bad", "stop", "--run", str(run)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) <= 2
    assert name in " ".join(lines)
    assert not run.exists()


@pytest.mark.parametrize("name", BAD)
def test_only_bad_files_are_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "only"
    folder.mkdir()
    BAD[name](folder / name)
    for verb in (
        ["check", str(folder)],
        ["train", "vae", str(folder), *CHEAP, "--run", str(tmp_path / "run")],
    ):
        code = main(verb)
        out, err = capsys.readouterr()
        assert code == 2 or (verb[0] == "check" and name in out)
        assert len(err.strip().splitlines()) <= 2
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("make", ["missing", "empty", "imageless"])
def test_folders_without_images(make: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "folder"
    if make != "missing":
        folder.mkdir()
    if make == "imageless":
        (folder / "notes.txt").write_text("nothing to see")
    for verb in (
        ["check", str(folder)],
        ["train", "vae", str(folder), *CHEAP, "--run", str(tmp_path / "run")],
    ):
        assert main(verb) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) <= 2
        assert "folder" in lines[0]
    assert not (tmp_path / "run").exists()
