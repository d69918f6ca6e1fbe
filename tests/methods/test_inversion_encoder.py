"""The inversion encoder: what it learns, what it leaves alone, and what a run of it asks for."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import imaginable as im
from imaginable.cli import main
from imaginable.core import config
from imaginable.core.errors import UserError
from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods import _storage
from imaginable.methods._method import Trained
from imaginable.methods.gan import Gan
from imaginable.methods.inversion_encoder import InversionEncoder
from imaginable.methods.sngan import Sngan
from imaginable.training.feed import Feed
from imaginable.training.job import Job
from imaginable.training.state import State
from imaginable.training.train import load_data, train

MakeJob = Callable[..., Job[Any]]


@pytest.fixture
def job(tiny_job: MakeJob, tmp_path: Path) -> Job[Any]:
    return tiny_job(InversionEncoder, tmp_path / "run")


def generator_of(state: State) -> Trained:
    return state.given["generator"].trained


def test_the_generator_never_moves_nor_is_it_saved(job: Job[Any]) -> None:
    dataset = load_data(job)
    state = State(job, dataset.spec)
    before = {name: value.clone() for name, value in generator_of(state).networks.state_dict().items()}
    assert any("running_mean" in name for name in before), "batch statistics are what would move unseen"
    for _ in range(3):
        state.cycle(Feed(dataset, 8, 0, flip=False), 64)
    after = generator_of(state).networks.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert all(parameter.grad is None for parameter in generator_of(state).networks.parameters())
    assert not any("generator" in name for name in state.state_dict()["networks"])


def test_it_finds_the_codes_of_a_generator_that_shows_them(tmp_path: Path) -> None:
    spec = DataSpec("points", (6,), count=10)
    torch.manual_seed(0)
    method = Gan(latents=2, hidden=32)
    _storage.save(Trained(method, method.networks(spec, {}), spec), tmp_path / "model", {})
    settings: dict[str, Any] = {"images": 24_000, "batch": 64, "device": "cpu", "snapshot_every": 24_000}
    model = im.train("inversion_encoder", generator=tmp_path / "model", run=str(tmp_path / "run"), **settings)
    generator = im.load(tmp_path / "model")
    z = generator.latents(200, seed=5)
    found = model.encode_tensor(generator.decode_tensor(z))
    assert float((found - z).square().mean()) < 0.1, "of a variance of 1"


def test_both_terms_are_what_the_docstring_says(job: Job[Any]) -> None:
    state = State(job, load_data(job).spec)
    batch, progress = Batch(torch.empty(16, 0)), Progress(0, 1, 0)
    torch.manual_seed(3)
    loss = state.job.method.inversion_error(state.networks, batch, progress)
    torch.manual_seed(3)
    z, generator = torch.randn(16, 8), generator_of(state)
    x = generator.method.decode(generator.networks, z)  # type: ignore[attr-defined]
    found = state.networks.encoder(x)  # type: ignore[operator]
    again = generator.method.decode(generator.networks, found)  # type: ignore[attr-defined]
    code, picture = (found - z).square().mean(), (again - x).square().mean()
    torch.testing.assert_close(loss.terms["code"], code.detach())
    torch.testing.assert_close(loss.total, code + 1.0 * picture)


def test_a_generator_of_classes_is_asked_for_all_of_them(tiny_job: MakeJob, tmp_path: Path) -> None:
    spec = DataSpec("images", (3, 32, 32), classes=("a", "b"), count=10)
    method = Sngan(width=8, latents=8)
    _storage.save(Trained(method, method.networks(spec, {}), spec), tmp_path / "model", {})
    job = dataclasses.replace(
        tiny_job(InversionEncoder, tmp_path / "run"), given={"generator": str(tmp_path / "model")}
    )
    dataset = load_data(job)
    state = State(job, dataset.spec)
    asked: list[torch.Tensor] = []
    generator = generator_of(state)
    inner = generator.networks.get_submodule("generator")
    inner.register_forward_pre_hook(lambda _, given: asked.append(given[1]))
    state.cycle(Feed(dataset, 8, 0, flip=False), 64)
    drawn, made_of = asked
    assert set(drawn.tolist()) == {0, 1}
    assert torch.equal(drawn, made_of), "the picture is made of its own class"


def test_a_model_of_it_is_loaded_without_the_generator(job: Job[Any], tiny_generator: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_generator, tmp_path / "generator")
    job = dataclasses.replace(job, given={"generator": str(tmp_path / "generator")})
    list(train(job))
    shutil.rmtree(tmp_path / "generator")
    model = im.load(job.folder)
    assert model.encode_tensor(torch.zeros(3, 3, 32, 32)).shape == (3, 8)
    assert model.code_shape == (8,)


def test_a_generator_that_changed_is_told_on_resume(job: Job[Any], tiny_generator: Path, tmp_path: Path) -> None:
    copy = tmp_path / "generator"
    shutil.copytree(tiny_generator, copy)
    job = dataclasses.replace(job, given={"generator": str(copy)})
    reports = train(job)
    next(reports)
    reports.close()
    recorded = config.load(job.folder / "job.yaml")
    assert recorded["given"] == {"generator": str(copy)}
    assert len(recorded["environment"]["model of the generator"]) == 64
    generator = _storage.load(copy)
    with torch.no_grad():
        next(generator.networks.parameters()).add_(1)
    _storage.save(generator, copy, {})
    with pytest.raises(UserError, match="model of the generator was"):
        next(train(job, resume=True))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "needs a trained generator"),
        (["sneakers"], "takes no data"),
        (["--generator", "nowhere"], "no model here"),
        (["--generator", "encoder"], "needs a model that samples"),
    ],
)
def test_what_is_missing_or_no_generator_is_refused(
    words: list[str], said: str, job: Job[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    list(train(job))
    monkeypatch.chdir(job.folder.parent)
    job.folder.rename("encoder")
    assert main(["train", "inversion_encoder", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_method_that_needs_nothing_refuses_a_model(job: Job[Any]) -> None:
    with pytest.raises(UserError, match="needs no such model"):
        dataclasses.replace(job, method=Gan()).check()


def test_the_command_line_trains_reports_and_resumes(
    tiny_generator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    flags = ["--images", "32", "--batch", "8", "--width", "8", "--device", "cpu", "--run", str(run)]
    assert main(["train", "inversion_encoder", "--generator", str(tiny_generator), *flags]) == 0
    assert "codes of 8" in capsys.readouterr().out
    assert "made for the generator" in (run / "report.html").read_text(encoding="utf-8")
    assert json.loads((run / "manifest.json").read_text())["given"] == {"generator": str(tiny_generator)}
    assert main(["resume", str(run)]) == 0
    assert main(["info", str(run)]) == 0
    assert "can: encode\n" in capsys.readouterr().out
