"""Models that make pictures of pictures, as their networks begin, and what a page does with one."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from studio_page import Page, opened

from imaginable.core.types import DataSpec, Kind
from imaginable.methods import _storage
from imaginable.methods._method import Method, Trained
from imaginable.methods.cyclegan import CycleGan
from imaginable.methods.inpainting import Inpainting
from imaginable.methods.pix2pix import Pix2Pix
from imaginable.methods.srgan import Srgan
from imaginable.studio.runs import Runs

RANDOM = np.random.default_rng(0)
COLOURED = RANDOM.integers(256, size=(40, 56, 3), dtype=np.uint8)
TRANSPARENT = np.concatenate([COLOURED, RANDOM.integers(256, size=(40, 56, 1), dtype=np.uint8)], axis=2)
HOLE = np.zeros((40, 56), bool)
HOLE[8:20, 10:30] = True
MODELS: dict[str, tuple[Method[Any], Kind]] = {
    "pix2pix": (Pix2Pix(width=4), "pairs"),
    "cyclegan": (CycleGan(width=4, blocks=1), "domains"),
    "srgan": (Srgan(factor=2, crop=32, width=8, blocks=1, judge_width=4, feature_width=4), "images"),
    "inpainting": (Inpainting(width=4, judge_width=4), "images"),
}


def png(array: np.ndarray, kind: str = "PNG") -> bytes:
    box = io.BytesIO()
    Image.fromarray(array).save(box, kind)
    return box.getvalue()


def read(raw: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(raw)))


MASK = png(np.where(HOLE, 255, 0).astype(np.uint8))


@pytest.fixture(scope="session")
def translators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of each."""
    folder = tmp_path_factory.mktemp("translators")
    for name, (method, kind) in MODELS.items():
        torch.manual_seed(1)
        spec = DataSpec(kind, (3, 32, 32), target_shape=None if kind == "images" else (3, 32, 32), count=9)
        trained = Trained(method, method.networks(spec, {}), spec)
        if name == "srgan":  # as its second stage begins, they are the same
            for weights in trained.networks.get_submodule("generator.sharp").parameters():
                weights.data.add_(0.01)
        _storage.save(trained, folder / name / "model", {"run": name, "data": "random", "images_seen": 0})
    return folder


@pytest.fixture
def studio(translators: Path, static: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.chdir(tmp_path)
    with opened(Runs([translators / name for name in MODELS]), static) as page:
        yield page


def bring(page: Page, run: str, raw: bytes) -> dict[str, Any]:
    answer = page.http.post(f"/api/runs/{run}/bring", content=raw)
    assert answer.status_code == 200, answer.text
    brought: dict[str, Any] = answer.json()
    return brought


def fetch(page: Page, picture: str) -> bytes:
    answer = page.http.get(f"/api/brought/{picture}.png")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return answer.content


def ended(page: Page, picture: str, **wish: Any) -> dict[str, Any]:
    """The last news of what is made of a picture that was brought."""
    with page.socket() as socket:
        job = page.told(f"/api/brought/{picture}/make", **wish)["job"]
        while True:
            news: dict[str, Any] = json.loads(socket.recv(60))
            if news.get("job") == job and news["state"] != "running":
                return news


def made(page: Page, picture: str, **wish: Any) -> dict[str, Any]:
    news = ended(page, picture, **wish)
    assert news["state"] == "done", news
    result: dict[str, Any] = news["result"]
    return result
