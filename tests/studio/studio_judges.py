"""Models that say how unlike their data a picture is, trained for a few steps, and pictures to be judged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from studio_page import Page, opened
from studio_translators import png

import imaginable
from imaginable.studio.runs import Runs

SMALL: dict[str, Any] = {"size": 32, "limit": 450, "batch": 8, "precision": "float32", "seed": 0}
JUDGES: dict[str, dict[str, Any]] = {
    "draem": {"width": 8, "restorer_width": 8, "levels": 2, "images": 64},
    "vae": {"width": 8, "latents": 4, "images": 800},  # enough to know black from white
}
_DIGITS = np.rint(load_digits().images[:6].repeat(4, 1).repeat(4, 2) * 15.9).astype(np.uint8)
PICTURES = {f"digit-{number}.png": png(one) for number, one in enumerate(_DIGITS)}
PICTURES["noise.png"] = png(np.random.default_rng(0).integers(256, size=(32, 32), dtype=np.uint8))
PICTURES["large.png"] = png(np.tile(_DIGITS[0], (2, 2)))


@pytest.fixture(scope="session")
def judges(tmp_path_factory: pytest.TempPathFactory, own_place: None) -> Path:
    """A folder with a run of each. Copy it before it is calibrated."""
    folder = tmp_path_factory.mktemp("judges")
    for name, fields in JUDGES.items():
        imaginable.train(name, "digits", run=str(folder / name), **SMALL, **fields)
    return folder


@pytest.fixture
def home(judges: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of one's own with these runs, runs/draem and runs/vae."""
    shutil.copytree(judges, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def studio(home: Path, static: Path) -> Iterator[Page]:
    with opened(Runs(), static) as page:
        yield page


def news(page: Page, run: str, doing: Callable[[str], None] = lambda job: None) -> list[dict[str, Any]]:
    """What is told while a run is calibrated, the last of it being how that ended."""
    told: list[dict[str, Any]] = []
    with page.socket() as socket:
        job = page.told(f"/api/runs/{run}/detector")["job"]
        doing(job)
        while not told or told[-1]["state"] == "running":
            one = json.loads(socket.recv(60))
            told += [one] if one.get("job") == job else []
    return told


def detector(page: Page, run: str) -> dict[str, Any]:
    """What the page knows of a run's scores, which are calibrated first where they are not."""
    answer = page.told(f"/api/runs/{run}/detector")
    if "detector" not in answer:
        last = _ended(page, answer["job"])
        assert last["state"] == "done", last
        answer = page.told(f"/api/runs/{run}/detector")
    found: dict[str, Any] = answer["detector"]
    return found


def _ended(page: Page, job: str) -> dict[str, Any]:
    with page.socket() as socket:  # a page that is opened is told of jobs that are over, too
        while True:
            one: dict[str, Any] = json.loads(socket.recv(60))
            if one.get("job") == job and one["state"] != "running":
                return one


def judge(page: Page, run: str, raw: bytes) -> dict[str, Any]:
    answer = page.http.post(f"/api/runs/{run}/judge", content=raw)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
