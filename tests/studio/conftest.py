"""A studio that really listens, on a free port of this machine, with a model of a few steps."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from studio_page import Page, opened

import imaginable
from imaginable.studio.runs import Runs

PAGE = {"index.html": "<!doctype html><title>studio</title>", "page.js": "export const a = 1;\n"}


@pytest.fixture(scope="session")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    for name, text in PAGE.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, own_place: None) -> Callable[[str], Path]:
    """`trained("vae")`: the folder of a run of eight steps. Copy it before writing into it."""
    folder = tmp_path_factory.mktemp("trained")

    def make(method: str) -> Path:
        if not (folder / method).exists():
            small = {"width": 8, "latents": 4, "size": 32, "limit": 40, "batch": 8, "images": 64, "seed": 0}
            imaginable.train(method, "sneakers", run=str(folder / method), precision="float32", **small)
        return folder / method

    return make


@pytest.fixture
def home(tmp_path: Path, trained: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place to work in with one run, runs/vae."""
    shutil.copytree(trained("vae"), tmp_path / "runs" / "vae")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def page(home: Path, static: Path) -> Iterator[Page]:
    with opened(Runs(), static) as page:
        yield page
