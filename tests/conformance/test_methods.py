"""What every method must hold, over every file of the methods' folder."""

import ast
import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import small_dataset
from imaginable import methods
from imaginable.cli import main
from imaginable.core import config, seeds
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.methods import _storage
from imaginable.methods._method import Decodes, Encodes, Method, Samples, Trained, find, name_of
from imaginable.training import checkpoint
from imaginable.training import job as jobs
from imaginable.training.feed import Feed
from imaginable.training.job import Job, Training
from imaginable.training.run import Run
from imaginable.training.state import State
from imaginable.training.train import train

Maker = Callable[..., Job[Any]]
CASES = [(name, kind) for name in methods.names() for kind in sorted(find(name).consumes)]
each_case = pytest.mark.parametrize(("name", "kind"), CASES)
each_method = pytest.mark.parametrize("name", methods.names())


def built(name: str, kind: str, job_of: Maker, **training: Any) -> tuple[State, Feed, Dataset]:
    dataset = small_dataset(kind)
    job = job_of(find(name), **training)
    job.method.check(dataset.spec)
    return State(job, dataset.spec), Feed(dataset, job.training.batch, 0, False), dataset


def copied(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


@each_case
def test_each_phase_moves_its_player_and_nobody_else(name: str, kind: str, job_of: Maker) -> None:
    state, feed, _ = built(name, kind, job_of)
    phases = state.phases
    drawing = next((phase for phase in phases if phase.draw), None)
    for phase in phases:
        # the drawing phase must be there for the others' fakes, but must not step
        state.phases = (phase,) if phase.draw or not drawing else (phase, _still(drawing))
        before = {player: copied(state.networks.get_submodule(player)) for player in state.rules}
        state.cycle(feed, 1000)
        for player, was in before.items():
            now = state.networks.get_submodule(player).state_dict()
            parameters = {key for key, _ in state.networks.get_submodule(player).named_parameters()}
            changed = {key for key, value in now.items() if not torch.equal(value, was[key])}
            if player == phase.player:
                assert changed & parameters
            elif drawing and player == drawing.player:
                assert not changed & parameters  # drawing runs its batch norms, in training mode, once
            else:
                assert not changed


def _still(phase: Any) -> Any:
    """The phase without its step: it draws and that is all."""
    return dataclasses.replace(phase, repeat=0, after=None)


@each_case
def test_terms_are_finite_and_no_gradient_is_left_to_others(name: str, kind: str, job_of: Maker) -> None:
    state, feed, _ = built(name, kind, job_of)
    last = state.phases[-1].player
    for optimizer in state.optimizers.values():
        optimizer.zero_grad(set_to_none=True)
    state.phases = (dataclasses.replace(state.phases[-1]),)
    terms = state.cycle(feed, 1000)
    assert terms
    assert all(bool(torch.isfinite(value)) for value in terms.values())
    for player in state.rules:
        gradients = [parameter.grad for parameter in state.networks.get_submodule(player).parameters()]
        assert all(gradient is None for gradient in gradients) != (player == last)


@each_case
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    name: str, kind: str, precision: str, job_of: Maker
) -> None:
    dataset = small_dataset(kind)
    whole = job_of(find(name), "whole", precision=precision, images=96)
    for _ in train(whole, dataset=dataset):
        pass
    parts = job_of(find(name), "parts", precision=precision, images=96)
    reports = train(parts, dataset=dataset)
    for report in reports:
        if report.seen >= 40:
            reports.close()
    assert Run(parts.folder).lines()[-1]["seen"] < 96
    for _ in train(parts, resume=True, dataset=dataset):
        pass
    weights = [(job.folder / "model" / "model.safetensors").read_bytes() for job in (whole, parts)]
    assert weights[0] == weights[1]
    states = [checkpoint.load(Run(job.folder).checkpoint, print)["state"] for job in (whole, parts)]
    _same(*states)


def _same(one: Any, two: Any) -> None:
    assert type(one) is type(two)
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        for key in one:
            _same(one[key], two[key])
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, two)
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(two)
        for first, second in zip(one, two, strict=True):
            _same(first, second)
    else:
        assert one == two


@each_case
def test_a_saved_model_is_the_loaded_one(name: str, kind: str, job_of: Maker, tmp_path: Path) -> None:
    state, feed, dataset = built(name, kind, job_of)
    state.cycle(feed, 1000)
    trained = Trained(state.job.method, state.averages.networks, dataset.spec)
    _storage.save(trained, tmp_path / "model", {"run": "here"})
    loaded = _storage.load(tmp_path / "model")
    assert loaded.method == trained.method
    assert loaded.spec == trained.spec
    assert _storage.about(tmp_path / "model") == {"run": "here"}
    if isinstance(trained.method, Decodes):
        z = torch.randn(3, *trained.method.latent_shape(dataset.spec))
        assert torch.equal(
            trained.method.decode(trained.networks, z),
            loaded.method.decode(loaded.networks, z),  # type: ignore[attr-defined]
        )


@each_case
def test_capabilities_keep_their_contracts(name: str, kind: str, job_of: Maker) -> None:
    state, _, dataset = built(name, kind, job_of)
    method, nets, spec = state.job.method, state.networks.eval(), dataset.spec
    x = dataset.batch(dataset.held_out).x
    assert isinstance(method, Decodes)
    shape = method.latent_shape(spec)
    if isinstance(method, Encodes):
        with torch.no_grad():
            first, second = method.encode(nets, x), method.encode(nets, x)
        assert first.shape == (len(x), *shape)
        assert torch.equal(first, second), "never a random draw"
    if isinstance(method, Samples):
        one, same, other = (method.prior(nets, 4, spec, seeds.generator(seed)) for seed in (1, 1, 2))
        assert one.shape == (4, *shape)
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
    with torch.no_grad():
        decoded = method.decode(nets, 30 * torch.randn(4, *shape))
    assert decoded.shape == (4, *spec.shape)
    assert decoded.dtype == torch.float32
    if kind == "images":
        assert float(decoded.abs().max()) <= 1.0


@each_case
def test_fakes_are_made_once_a_cycle(name: str, kind: str, job_of: Maker) -> None:
    state, feed, _ = built(name, kind, job_of)
    drawing = next((phase for phase in state.phases if phase.draw), None)
    if drawing is None:
        pytest.skip("draws nothing")
    calls: list[int] = []
    state.networks.get_submodule(drawing.player).register_forward_hook(lambda *_: calls.append(1))
    state.cycle(feed, 1000)
    assert len(calls) == 1


@each_method
def test_job_survives_yaml(name: str, job_of: Maker, tmp_path: Path) -> None:
    job = job_of(find(name))
    (tmp_path / "job.yaml").write_text(jobs.dump(job, {"torch": "any"}))
    assert jobs.load(tmp_path / "job.yaml") == job
    assert config.from_mapping(find(name), config.to_mapping(job.method), "here") == job.method


@each_method
def test_the_file_reads_as_a_method_should(name: str) -> None:
    path = Path(methods.__file__).with_name(f"{name}.py")
    text = path.read_text()
    docstring = ast.get_docstring(ast.parse(text)) or ""
    cls = find(name)
    years = re.findall(r"\b(19|20)\d\d\b", cls.paper)
    assert years
    assert re.search(r"\b\d{4}\b", cls.paper)[0] in docstring  # type: ignore[index]
    assert len(text.splitlines()) < 300
    assert methods.summary(name) == docstring.splitlines()[0]
    assert (Path(__file__).parents[2] / "docs" / "methods" / f"{name}.md").exists()


@each_method
def test_class_attributes_and_presets_are_right(name: str, job_of: Maker) -> None:
    cls = find(name)
    assert issubclass(cls, Method)
    assert cls.consumes
    assert set(cls.presets) == {"small", "base", "paper"}
    for values in cls.presets.values():
        cls(**values)
    state, _, _ = built(name, sorted(cls.consumes)[0], job_of)
    for player in {*cls.averaged, *state.rules}:
        assert isinstance(state.networks.get_submodule(player), torch.nn.Module)
    assert {phase.player for phase in state.phases} == set(state.rules)
    assert sum(phase.draw is not None for phase in state.phases) <= 1
    assert name_of(state.job.method) == name


@each_method
def test_flags_do_not_collide(name: str) -> None:
    parts = [{field.name for field in dataclasses.fields(part)} for part in (find(name), DataOptions, Training)]
    assert len(set.union(*parts)) == sum(map(len, parts))


@each_method
def test_help_shows_every_field(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["train", name, "--help"])
    assert not stop.value.code
    shown = capsys.readouterr().out
    for field in dataclasses.fields(find(name)):
        assert "--" + field.name.replace("_", "-") in shown
