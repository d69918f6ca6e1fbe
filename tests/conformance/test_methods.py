"""What every method promises, whoever wrote it: a new file in methods/ is tested here without a line more."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import itertools
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from imaginable import methods
from imaginable.cli import main
from imaginable.commands import Extras
from imaginable.core import config, seeds
from imaginable.core.errors import UserError
from imaginable.core.optimizers import Adam, RMSprop
from imaginable.core.sizes import Sizes
from imaginable.core.types import DataSpec, Kind
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.methods import _method, _storage
from imaginable.methods._classifier import Classifier
from imaginable.methods._method import (
    Bounds,
    Decodes,
    Encodes,
    Grows,
    Method,
    Phase,
    Samples,
    Scores,
    Trained,
    Translates,
    Vitals,
    name_of,
)
from imaginable.methods._reader import Reader
from imaginable.training import budget, checkpoint
from imaginable.training import job as jobs
from imaginable.training.feed import Feed
from imaginable.training.job import Job, Training
from imaginable.training.run import Run
from imaginable.training.state import State
from imaginable.training.train import load_data, train

NAMES = methods.names()
PRIVATE = {"_classifier": Classifier, "_reader": Reader}
"""not listed, but trained, saved and loaded like any other"""


def find(name: str) -> type[Method[Any]]:
    return PRIVATE.get(name) or _method.find(name)


CASES = [(name, kind) for name in [*NAMES, *PRIVATE] for kind in sorted(find(name).consumes) or ["images"]]
every_method = pytest.mark.parametrize("name", NAMES)
every_case = pytest.mark.parametrize(("name", "kind"), CASES)
both_precisions = pytest.mark.parametrize("precision", ["float32", "bfloat16"])

TinyDataset = Callable[[str], Dataset]
TinyJob = Callable[..., Job[Any]]
Build = Callable[..., tuple[State, Feed]]


@pytest.fixture
def build(tiny_dataset: TinyDataset, tiny_job: TinyJob, tmp_path: Path) -> Build:
    """The state of a run at a fraction of it, by default half-way, and its data."""

    def built(name: str, kind: str, fraction: float = 0.5, **training: Any) -> tuple[State, Feed]:
        job = tiny_job(find(name), tmp_path / "run", **training)
        dataset = data_of(job, kind, tiny_dataset)
        state = State(job, dataset.spec)
        state.seen = round(fraction * job.training.images)
        return state, Feed(dataset, job.training.batch, job.training.seed, flip=False)

    return built


def data_of(job: Job[Any], kind: str, tiny_dataset: TinyDataset) -> Dataset:
    """The tiny one, or none where the method consumes none."""
    return tiny_dataset(kind) if job.method.consumes else load_data(job)


def items_of(state: State, feed: Feed) -> Tensor:
    """Some that the networks take."""
    x = feed.batch(0).x
    return x if x.numel() else torch.rand(len(x), *state.spec.shape) * 2 - 1


def tensors(networks: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in networks.state_dict().items()}


def moments(method: Method[Any], spec: DataSpec | None = None) -> list[float]:
    """Half-way, and enough other fractions of a run for every phase to be active at one of them; with `spec`, what a
    method that grows has at each of its stages, too."""
    found = [0.5]
    if spec is not None and isinstance(method, Grows):
        found = [middle for middle, _ in budget.parts(method.phases(), method.stages(spec))]
    for phase in method.phases():
        if not any(phase.active(0, fraction) for fraction in found):
            found.append((phase.start + phase.stop) / 2)
    return found


def batches(method: Method[Any]) -> int:
    """Of one cycle: every repetition of a phase takes another."""
    return 1 + sum(phase.repeat - 1 for phase in method.phases())


def belongs(name: str, player: str) -> bool:
    return name.startswith(f"{player}.")


# ---- the players


@dataclasses.dataclass
class Turn:
    """player: whose turn it was ("" for nobody). moved: what changed. holding: parameters left with gradients."""

    player: str
    moved: set[str]
    holding: set[str]


def watched_cycle(state: State, feed: Feed) -> tuple[list[Turn], dict[str, Tensor]]:
    """One cycle, looked at before every loss and at the end; the first turn is that of the draw."""
    turns: list[Turn] = []
    was = tensors(state.networks)
    player = next((phase.player for phase in state.phases if phase.draw), "")
    held: set[str] = set()

    def hold() -> None:
        held.update(name for name, parameter in state.networks.named_parameters() if parameter.grad is not None)

    def end_turn(following: str) -> None:
        nonlocal was, player
        now = tensors(state.networks)
        moved = {name for name in now if not torch.equal(now[name], was[name])}
        hold()
        turns.append(Turn(player, moved, set(held)))
        state.networks.zero_grad(set_to_none=True)
        held.clear()
        was, player = now, following

    def watched(phase: Phase[Any]) -> Phase[Any]:
        def loss(*arguments: Any) -> Any:
            end_turn(phase.player)
            return phase.loss(*arguments)

        def after(*arguments: Any) -> None:
            hold()  # now: a repeated phase drops its gradients before its next loss
            if phase.after:
                phase.after(*arguments)

        return dataclasses.replace(phase, loss=loss, after=after)

    state.phases = tuple(watched(phase) for phase in state.phases)
    terms = state.cycle(feed, state.job.training.images)
    end_turn("")
    return turns, terms


@both_precisions
@every_case
def test_a_phase_moves_its_own_player_and_nobody_else(name: str, kind: str, precision: str, build: Build) -> None:
    players = set()
    everyone = set(find(name)().optimizers())
    for fraction in moments(find(name)()):
        state, feed = build(name, kind, fraction, precision=precision)
        turns, _ = watched_cycle(state, feed)
        parameters = {key for key, _ in state.networks.named_parameters()}
        for turn in turns:
            others = everyone - {turn.player}  # what is nobody's, such as a pool of pictures, may move in any turn
            assert not any(belongs(key, other) for key in turn.moved for other in others), "statistics count, too"
        for turn in turns[1:]:
            assert turn.moved & parameters
        players |= {turn.player for turn in turns[1:]}
    assert players == {phase.player for phase in find(name)().phases()}


@every_case
def test_a_phase_leaves_no_gradient_in_other_players(name: str, kind: str, build: Build) -> None:
    for fraction in moments(find(name)()):
        draw, *turns = watched_cycle(*build(name, kind, fraction))[0]
        assert not draw.holding
        for turn in turns:
            assert turn.holding
            assert all(belongs(key, turn.player) for key in turn.holding)


@both_precisions
@every_case
def test_every_parameter_learns_and_the_terms_are_finite(name: str, kind: str, precision: str, build: Build) -> None:
    state, feed = build(name, kind, precision=precision, images=1000)
    before = {key: value.detach().clone() for key, value in state.networks.named_parameters()}
    for fraction in moments(state.job.method, state.spec):
        state.seen, state.step = round(fraction * 1000), 0
        for _ in range(3):  # a branch that starts at zero moves in the second step
            terms = state.cycle(feed, 1000)
            assert terms
            assert all(bool(torch.isfinite(value)) and value.ndim == 0 for value in terms.values())
    still = [key for key, value in state.networks.named_parameters() if torch.equal(value, before[key])]
    assert not still


@every_case
def test_players_and_averages_are_attributes_of_the_networks(name: str, kind: str, build: Build) -> None:
    state, _ = build(name, kind)
    attributes = dict(state.networks.named_children())
    players = set(state.job.method.optimizers())
    assert players <= set(attributes)
    assert set(state.job.method.averaged) <= set(attributes)
    assert {phase.player for phase in state.phases} == players
    owners = [sum(belongs(key, player) for player in players) for key, _ in state.networks.named_parameters()]
    assert set(owners) == {1}


@every_case
def test_only_a_method_that_says_so_lets_items_influence_each_other(name: str, kind: str, build: Build) -> None:
    state, _ = build(name, kind)
    normalised = any(isinstance(layer, _BatchNorm) for layer in state.networks.modules())
    assert state.job.method.couples or not normalised


# ---- repeating


def remains(job: Job[Any]) -> tuple[bytes, Any, list[dict[str, Any]]]:
    """What a run leaves, without its times: the model's bytes, the state, the log."""
    run = Run(job.folder)
    state = checkpoint.load(run.checkpoint, pytest.fail)["state"]
    log = [{key: value for key, value in line.items() if key != "seconds"} for line in run.lines()]
    return (run.model / "model.safetensors").read_bytes(), state, log


def assert_equal(one: Any, two: Any, where: str = "state") -> None:
    if isinstance(one, Tensor):
        assert torch.equal(one, two), where
        return
    assert type(one) is type(two), where
    if isinstance(one, Mapping):
        assert one.keys() == two.keys(), where
        for key in one:
            assert_equal(one[key], two[key], f"{where}.{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(two), where
        for number, (first, second) in enumerate(zip(one, two, strict=True)):
            assert_equal(first, second, f"{where}[{number}]")
    else:
        assert one == two, where


@both_precisions
@every_case
def test_resumed_is_uninterrupted_bit_for_bit(
    name: str, kind: str, precision: str, tiny_dataset: TinyDataset, tiny_job: TinyJob, tmp_path: Path
) -> None:
    one = 8 * batches(find(name)())  # images of a cycle, of eight
    times = {"images": 8 * one, "snapshot_every": 4 * one, "checkpoint_every": 2 * one, "precision": precision}
    whole, closed, killed = (
        tiny_job(find(name), tmp_path / folder, **times) for folder in ("whole", "closed", "killed")
    )
    dataset = data_of(whole, kind, tiny_dataset)
    for report in train(whole, dataset=dataset):
        if report.seen == 3 * one:  # what a kill would leave: its last checkpoint is at the second cycle
            shutil.copytree(whole.run, killed.run)
    stream = train(closed, dataset=dataset)
    next(report for report in stream if report.seen == 3 * one)
    stream.close()
    expected = remains(whole)
    for job in (closed, killed):
        reports = list(train(job, resume=True, dataset=dataset))
        assert reports[0].seen == (4 if job is closed else 3) * one
        weights, state, log = remains(job)
        assert weights == expected[0]
        assert_equal(state, expected[1])
        assert log == expected[2]


@every_case
def test_the_shared_model_is_the_averaged_networks(
    name: str, kind: str, tiny_dataset: TinyDataset, tiny_job: TinyJob, tmp_path: Path
) -> None:
    job = tiny_job(find(name), tmp_path / "run")
    list(train(job, dataset=data_of(job, kind, tiny_dataset)))
    weights, state, _ = remains(job)
    shared = safetensors.torch.load(weights)
    assert {key.split(".")[0] for key in shared} == set(job.method.averaged)
    for key, value in shared.items():
        assert torch.equal(value, state["averages"][key])


@every_case
def test_the_seed_decides_the_weights(name: str, kind: str, build: Build) -> None:
    one, same, other = (tensors(build(name, kind, seed=seed)[0].networks) for seed in (3, 3, 4))
    assert_equal(one, same)
    assert any(not torch.equal(one[key], other[key]) for key in one)


@every_case
def test_the_seed_decides_the_samples(name: str, kind: str, build: Build) -> None:
    state, _ = build(name, kind)
    method, nets = state.job.method, state.networks.eval()
    if not isinstance(method, Samples):
        pytest.skip("has no prior")
    pictures = []
    for seed in (5, 5, 6):
        torch.manual_seed(len(pictures))  # the global generator must not matter
        z = method.prior(nets, 4, state.spec, seeds.generator(seed))
        pictures.append(method.decode(nets, z, generator=seeds.generator(seed, "decode")))
    assert torch.equal(pictures[0], pictures[1])
    assert not torch.equal(pictures[0], pictures[2])


# ---- files


@every_case
def test_saved_is_loaded(name: str, kind: str, build: Build, tmp_path: Path) -> None:
    state, feed = build(name, kind)
    state.cycle(feed, 64)
    trained = Trained(state.job.method, state.networks.eval(), state.spec)
    _storage.save(trained, tmp_path / "model", {"seed": 3})
    torch.manual_seed(1)
    before = torch.get_rng_state()
    loaded = _storage.load(tmp_path / "model", PRIVATE.get(name))
    assert torch.equal(torch.get_rng_state(), before), "loading leaves the caller's randomness alone"
    assert (loaded.method, loaded.spec) == (trained.method, trained.spec)
    assert _storage.about(tmp_path / "model") == {"seed": 3}
    assert not loaded.networks.training
    for part in state.job.method.averaged:
        assert_equal(tensors(loaded.networks.get_submodule(part)), tensors(trained.networks.get_submodule(part)), part)
    if isinstance(loaded.method, Decodes):
        z = torch.randn(3, *loaded.method.latent_shape(loaded.spec))
        decoded = [one.method.decode(one.networks, z) for one in (trained, loaded)]
        torch.testing.assert_close(*decoded)  # channels_last or not


@every_method
def test_a_job_survives_its_file(name: str, tiny_job: TinyJob, tmp_path: Path) -> None:
    job = dataclasses.replace(tiny_job(find(name), tmp_path / "run", seed=3), start_from="runs/other")
    assert job.method != find(name)(), "a default would not show what was lost"
    path = tmp_path / "job.yaml"
    path.write_text(jobs.dump(job, {"torch": "2"}), encoding="utf-8")
    assert jobs.load(path) == job


# ---- capabilities


@every_case
def test_decode_gives_items_of_the_datas_shape_and_range(name: str, kind: str, build: Build) -> None:
    state, _ = build(name, kind)
    method, nets = state.job.method, state.networks.eval()
    if not isinstance(method, Decodes):
        pytest.skip("does not decode")
    z = 1000 * torch.randn(3, *method.latent_shape(state.spec))  # far out, where nothing but a limit keeps it in
    with torch.no_grad():
        x = method.decode(nets, z)
    assert x.shape == (3, *state.spec.shape)
    assert x.dtype == torch.float32
    if kind == "images":
        assert float(x.abs().max()) <= 1


@every_case
def test_encode_is_no_random_draw(name: str, kind: str, build: Build) -> None:
    state, feed = build(name, kind)
    method, nets, x = state.job.method, state.networks, items_of(state, feed)
    if not isinstance(method, Encodes):
        pytest.skip("does not encode")
    codes = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        codes.append(method.encode(nets.train(), x))
    assert codes[0].shape == (len(x), *method.latent_shape(state.spec))  # type: ignore[attr-defined]
    assert torch.equal(codes[0], codes[1])
    nets.eval()
    torch.testing.assert_close(method.encode(nets, x[2:3]), method.encode(nets, x)[2:3], atol=1e-5, rtol=1e-4)


@every_case
def test_translate_repeats_itself_at_any_size_that_fits(name: str, kind: str, build: Build) -> None:
    state, _ = build(name, kind)
    method, nets = state.job.method, state.networks.eval()
    if not isinstance(method, Translates):
        pytest.skip("does not translate")
    assert method.task in ("translate", "upscale", "inpaint")
    height, width = (-(-size // method.multiple) * method.multiple for size in (24, 40))
    x, factor = torch.rand(3, state.spec.shape[0], height, width) * 2 - 1, getattr(method, "factor", 1)
    hole = torch.zeros(3, 1, height, width)
    hole[..., 5:15, 8:20] = 1
    made = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        with torch.no_grad():
            made.append(method.translate(nets, x, hole if method.task == "inpaint" else None))
    assert made[0].shape[-2:] == (factor * height, factor * width)
    assert made[0].dtype == torch.float32
    assert float(made[0].abs().max()) <= 1
    assert torch.equal(made[0], made[1])
    if method.task == "inpaint":
        outside = (hole == 0).expand_as(x)
        assert torch.equal(made[0][outside], x[outside])
    with torch.no_grad():
        alone = method.translate(nets, x[1:2], hole[1:2] if method.task == "inpaint" else None)
    torch.testing.assert_close(alone, made[0][1:2], atol=1e-5, rtol=1e-4)


@every_case
def test_an_items_score_is_its_own(name: str, kind: str, build: Build) -> None:
    state, feed = build(name, kind)
    method, nets, x = state.job.method, state.networks.eval(), items_of(state, feed)
    if not isinstance(method, Scores):
        pytest.skip("does not score")
    before, seen = tensors(nets), []
    for seed in (0, 1):
        torch.manual_seed(seed)
        with torch.no_grad():
            seen.append(method.score(nets, x))
    scores, maps = seen[0]
    assert scores.shape == (len(x),)
    assert maps.shape == (len(x), *x.shape[2:])
    for values, again in zip(*seen, strict=True):
        assert values.dtype == torch.float32
        assert bool(torch.isfinite(values).all())
        assert torch.equal(values, again)
    assert len(scores.unique()) > 1, "different items"
    others = torch.cat([x[2:3], -x[:2], torch.ones_like(x[:1])])
    with torch.no_grad():
        for company in (x[2:3], others):
            alone, where = method.score(nets, company)
            torch.testing.assert_close(alone[0], scores[2], atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(where[0], maps[2], atol=1e-5, rtol=1e-4)
    assert_equal(tensors(nets), before, "scoring changes nothing")


@every_case
def test_log_weights_bound_the_likelihood(name: str, kind: str, build: Build) -> None:
    state, feed = build(name, kind)
    method, nets, batch = state.job.method, state.networks.eval(), feed.batch(0)
    if not isinstance(method, Bounds):
        pytest.skip("has no likelihood")
    torch.manual_seed(0)
    draws = []
    for seed in (3, 3, 4):
        torch.manual_seed(len(draws))  # the global generator must not matter
        with torch.no_grad():
            draws.append(method.log_weights(nets, batch.x, 5, seeds.generator(seed), batch.label))
    assert draws[0].shape == (5, len(batch))
    assert draws[0].dtype == torch.float32
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert method.levels in (None, 2, 256)


@every_case
def test_vitals_are_numbers(name: str, kind: str, build: Build) -> None:
    state, feed = build(name, kind)
    method, nets, batch = state.job.method, state.networks.eval(), feed.batch(0)
    if not isinstance(method, Vitals):
        pytest.skip("is not watched")
    before = tensors(nets)
    with torch.no_grad():
        vitals = method.vitals(nets, batch.x, batch.label)
    assert vitals
    assert all(bool(torch.isfinite(value).all()) for value in vitals.values())
    assert_equal(tensors(nets), before, "watching changes nothing")


@every_method
def test_data_it_cannot_take_is_refused(name: str) -> None:
    method = find(name)()
    for kind in set(get_args(Kind)) - method.consumes if method.consumes else ():
        with pytest.raises(UserError, match=f"{name} takes"):
            method.check(DataSpec(kind, (2,)))
    for kind in method.consumes - {"points"}:
        method.check(DataSpec(kind, (3, method.sizes.least, method.sizes.least), classes=("a",)))
        with pytest.raises(UserError, match="the nearest is"):
            method.check(DataSpec(kind, (3, 30, 30), classes=("a",)))


# ---- the class and its file


@every_method
def test_class_attributes_are_what_the_base_says(name: str) -> None:
    cls = find(name)
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert cls.consumes <= set(get_args(Kind))
    assert cls.consumes or cls.needs, "it learns from something"
    assert isinstance(cls.consumes, frozenset)
    assert cls.labels in ("none", "optional", "required")
    assert cls.averaged
    assert isinstance(cls.averaged, tuple)
    assert isinstance(cls.couples, bool)
    assert isinstance(cls.sizes, Sizes)
    assert isinstance(cls.needs, Mapping)
    assert all(isinstance(rule, (Adam, RMSprop)) for rule in cls().optimizers().values())
    assert sum(phase.draw is not None for phase in cls().phases()) <= 1
    assert name_of(cls()) == name


@every_method
def test_the_paper_is_cited_and_its_year_stands_in_the_files_docstring(name: str) -> None:
    year = re.search(r"\b(19|20)\d\d\b", find(name).paper)
    assert year, "the citation has a year"
    module = inspect.getdoc(importlib.import_module(f"imaginable.methods.{name}"))
    assert module
    assert year[0] in module
    assert methods.summary(name) == module.splitlines()[0]


@every_method
def test_the_file_is_short(name: str) -> None:
    source = Path(inspect.getfile(find(name))).read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 300


@every_method
def test_every_field_has_a_default_and_a_docstring_under_it(name: str) -> None:
    cls = find(name)
    (body,) = (node.body for node in ast.parse(inspect.getsource(cls)).body if isinstance(node, ast.ClassDef))
    documented = {
        node.target.id
        for node, below in itertools.pairwise(body)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }
    assert documented == {field.name for field in dataclasses.fields(cls)}
    cls()


@every_method
def test_presets_are_valid_fields_and_build(name: str) -> None:
    cls = find(name)
    assert {"small", "base", "paper"} <= set(cls.presets)
    size = cls.sizes.nearest(32)
    kind = next((kind for kind in ("pairs", "domains") if kind in cls.consumes), "images")
    shape = (3, size, size)
    spec = DataSpec(kind, shape, classes=("a", "b"), target_shape=(8,) if kind == "images" else shape)
    for preset, fields in cls.presets.items():
        method = config.from_mapping(cls, dict(fields), preset)
        assert method == cls(**fields)
        with torch.device("meta"):
            method.networks(spec, {})


@every_method
def test_no_flag_has_two_meanings(name: str) -> None:
    parts: list[type[Any]] = [find(name), DataOptions, Training, Extras]
    fields = [field.name for part in parts for field in dataclasses.fields(part)]
    assert len(fields) == len(set(fields))


@every_method
def test_help_shows_every_field(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["train", name, "--help"])
    assert not stop.value.code
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    cls: type[Method[Any]] = find(name)
    for field in (*dataclasses.fields(cls), *dataclasses.fields(Training)):
        assert re.search(rf"--{field.name.replace('_', '-')}\b", shown), field.name
