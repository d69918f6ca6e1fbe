"""What is said of a game of generator and discriminator: called where something is wrong, silent where nothing is."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from imaginable import model as models
from imaginable.cli import main
from imaginable.core.errors import RunFailed, UserError
from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.data import toys
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.methods._method import Judges, Method, Phase, Trained
from imaginable.methods.dcgan import Dcgan
from imaginable.methods.gan import Gan
from imaginable.methods.vae import Vae
from imaginable.training import best, checkpoint, game, game_health, health
from imaginable.training.feed import Feed
from imaginable.training.job import Job, Training
from imaginable.training.norms import EXPLODED, WINDOW, Norms
from imaginable.training.run import Run
from imaginable.training.state import State
from imaginable.training.train import Report, train

TinyDataset = Callable[[str], Dataset]
TinyJob = Callable[..., Job[Any]]

# ---- from numbers to findings

SOUND: dict[str, Any] = {
    "training": 256,
    "held_out": 256,
    "norms": {"generator": 1.0, "discriminator": 1.0},
    "non_finite": 0,
    "diversity": 0.95,
    "coverage": 0.8,
    "coverage_error": 0.025,
    "distance": 0.05,
    "distance_error": 0.02,
    "copies": 0.02,
    "copies_error": 0.01,
    "logit_training": 1.0,
    "logit_held_out": 0.9,
    "logit_fake": -1.0,
    "called_training": 0.75,
    "called_held_out": 0.7,
    "called_fake": 0.25,
    "told_apart": 0.85,
}


def history(*snapshots: dict[str, Any]) -> list[dict[str, Any]]:
    """Snapshots at images 100, 200, ..., sound but for what is given."""
    return [{"seen": 100 * number, **SOUND, **changed} for number, changed in enumerate(snapshots, 1)]


def names(*snapshots: dict[str, Any]) -> list[str]:
    return [finding.name for finding in game_health.called(history(*snapshots))]


FINE: dict[str, Any] = {}
ALIKE = {"diversity": 0.05, "coverage": 0.02, "distance": 2.0}
NARROW = {"diversity": 0.4, "coverage": 0.3}
FEW_KINDS = {"coverage": 0.1, "distance": 0.3}
TOLD_APART = {"told_apart": 1.0, "coverage": 0.1, "distance": 0.9, "logit_fake": -30.0, "diversity": 0.6}
OVERFITTED = {"called_training": 0.9, "called_held_out": 0.4}
COPYING = {"copies": 0.8}
FAR_OFF = {"distance": 1.5, "distance_error": 0.1, "coverage": 0.0, "diversity": 1.6}


@pytest.mark.parametrize(
    ("snapshots", "name", "said"),
    [
        ([FINE, FINE, ALIKE, ALIKE], "collapsed", "since image 300: diversity 0.05 of the data's (best 0.95)"),
        ([ALIKE] * 5, "collapsed", "since image 200"),
        ([FINE, FEW_KINDS, FEW_KINDS], "collapsed", "coverage 0.10 (best 0.80)"),
        ([FINE, NARROW, NARROW], "collapsing", "since image 200"),
        ([TOLD_APART] * 3, "discriminator has won", "100.0% of real items and fakes apart, by 31 in the logit"),
        ([FINE, FAR_OFF, FAR_OFF], "diverged", "is 1.5 ± 0.1 of the mean item's, and was 0.05 at image 100"),
        ([FINE, {"non_finite": 7}], "diverged", "7 samples and logits are no numbers"),
        ([FINE, OVERFITTED, OVERFITTED], "memorising", "90% of the training items real, and 40% of the held-out"),
        ([FINE, COPYING, COPYING], "memorising", "80% of the samples"),
    ],
)
def test_every_fault_is_called_alone_and_says_what_to_do(snapshots: list[dict[str, Any]], name: str, said: str) -> None:
    (finding,) = game_health.called(history(*snapshots))
    assert finding.name == name
    assert said in finding.verdict
    assert finding.remedy


@pytest.mark.parametrize(
    "snapshots",
    [
        [FINE],
        [FINE] * 20,
        [FINE, ALIKE],  # one bad moment
        [ALIKE] * 4,  # slow to begin
        [FINE, ALIKE, FINE, ALIKE],
        [FINE, {"diversity": 0.5, "coverage": 0.45}, {"diversity": 0.5, "coverage": 0.45}],
        [
            {"coverage": 0.12, "diversity": 0.3},
            {"coverage": 0.03, "diversity": 0.3},
            {"coverage": 0.0, "diversity": 0.3},
        ],
        [{"diversity": 3.0}, {"diversity": 0.9}, {"diversity": 0.9}],  # noise to begin with
        [FINE, {"coverage": 0.37, "coverage_error": 0.03}, {"coverage": 0.37, "coverage_error": 0.03}],
        [TOLD_APART] * 2,
        [TOLD_APART | {"coverage": 0.6}] * 5,  # beaten, and good
        [TOLD_APART | {"distance": distance} for distance in (0.9, 0.8, 0.7)],  # beaten, and becoming better
        [TOLD_APART | {"told_apart": 0.99}] * 5,
        [TOLD_APART | {"logit_fake": -3.0}] * 5,
        [ALIKE | {"distance": distance} for distance in (1000, 500, 200, 90)],  # all alike, and coming nearer
        [{"diversity": 1.2, "distance": 50}, {"diversity": 0.5, "distance": 9}, {"diversity": 0.4, "distance": 2}],
        [FAR_OFF | {"coverage": 0.1}] * 4,  # never was better
        [FINE, FAR_OFF | {"distance_error": 0.3, "coverage": 0.7}, FAR_OFF | {"distance_error": 0.3, "coverage": 0.7}],
        [{"called_training": 0.8, "called_held_out": 0.5}] * 3,
        [OVERFITTED | {"held_out": 16}] * 3,  # too few to tell
        [{"copies": 0.6, "copies_error": 0.05}] * 3,
        [ALIKE | COPYING],
    ],
)
def test_what_is_sound_young_or_may_be_noise_is_not_called(snapshots: list[dict[str, Any]]) -> None:
    assert names(*snapshots) == []


def test_what_is_sound_enough_to_go_back_to() -> None:
    assert game_health.sound(history(FINE))
    assert game_health.sound(history({"distance": 900.0}, {"distance": 90.0})), "young, and becoming better"
    for unsound in (ALIKE, NARROW, FAR_OFF, {"non_finite": 1}):
        assert not game_health.sound(history(FINE, unsound)), "before it is called"


def test_copies_of_one_item_are_a_collapse_and_no_good_memory() -> None:
    assert names(FINE, ALIKE | COPYING, ALIKE | COPYING) == ["collapsed"]


def test_gradients_that_have_grown_are_named_with_a_divergence() -> None:
    loud = FAR_OFF | {"norms": {"generator": 500.0, "discriminator": 2.0}}
    (finding,) = game_health.called(history(FINE, FINE, FINE, FAR_OFF, loud))
    assert "gradients of the generator have a norm of 500, usually 1" in finding.verdict
    assert "discriminator" not in finding.verdict


def test_numbers_that_could_not_be_measured_are_not_missed() -> None:
    bare = {name: SOUND[name] for name in ("training", "norms", "non_finite")}
    few = [{"seen": 1, **bare}, {"seen": 2, **bare}]
    assert game_health.called(few) == ()
    assert game_health.summary(few[-1]) == []
    without = [
        {name: value for name, value in one.items() if "held" not in name and "copies" not in name}
        for one in history(FINE, FINE)
    ]
    assert game_health.called(without) == ()


# ---- from items and logits to numbers


def ring(n: int, seed: int) -> np.ndarray:
    return toys.ring(n, seed=seed)[0].astype(np.float64)


def test_new_real_items_are_as_good_as_real() -> None:
    numbers = game.quality(ring(256, 1), ring(1000, 2), ring(256, 3))
    assert numbers["diversity"] == pytest.approx(1, abs=0.05)
    assert numbers["coverage"] > 0.9
    assert abs(numbers["distance"]) < 3 * numbers["distance_error"]
    assert numbers["copies"] < 0.06
    assert numbers["duplicates"] < 0.06


def test_the_mean_item_repeated_is_at_distance_one_whatever_the_unit_of_features() -> None:
    for factor, shift in ((1, 0), (1000, 5)):
        real = factor * (ring(256, 1) + shift)
        numbers = game.quality(np.repeat(real.mean(0, keepdims=True), 256, 0), real)
        assert numbers["distance"] == pytest.approx(1, rel=1e-6)
        assert numbers["diversity"] == pytest.approx(0, abs=1e-6)
        assert numbers["coverage"] == 0


def test_one_mode_of_eight_lowers_diversity_and_coverage() -> None:
    points, modes = toys.ring(4000, seed=1)
    numbers = game.quality(points[modes == 3][:256].astype(np.float64), ring(256, 2))
    assert numbers["diversity"] < game_health.NO_VARIETY
    assert numbers["coverage"] < 0.2


def test_training_items_are_copies_of_training_items() -> None:
    real = ring(1000, 2)
    assert game.quality(real[:256], real, ring(256, 3))["copies"] == 1


def test_items_that_are_all_the_same_are_nothing_to_compare_with() -> None:
    assert game.quality(ring(256, 1), np.ones((256, 2))) == {}


def test_the_grip_of_a_critic_does_not_depend_on_its_zero_or_scale() -> None:
    random = np.random.default_rng(0)
    real, held_out, fake = random.normal(2, 1, 256), random.normal(1, 1, 200), random.normal(-2, 1, 256)
    numbers = game.grip(real, fake, held_out)
    moved = game.grip(50 * real - 700, 50 * fake - 700, 50 * held_out - 700)
    for name in ("called_training", "called_held_out", "called_fake", "told_apart"):
        assert numbers[name] == moved[name]
    assert numbers["called_training"] > numbers["called_held_out"] > numbers["called_fake"]
    assert numbers["told_apart"] == pytest.approx(0.5 * (1 + math.erf(4 / 2)), abs=0.01)  # Φ(4 / √2)
    assert numbers["logit_held_out"] == pytest.approx(1, abs=0.3)
    assert game.grip(np.zeros(9), np.zeros(9))["told_apart"] == 0.5


@pytest.mark.parametrize("method", [Gan, Dcgan])
def test_measuring_moves_nothing_and_repeats_itself(
    method: type[Method[Any]], tiny_dataset: TinyDataset, tiny_job: TinyJob, tmp_path: Path
) -> None:
    few = tiny_dataset("images")
    dataset = dataclasses.replace(few, train=np.arange(40).repeat(2))  # of 80 items
    state = State(tiny_job(method, tmp_path / "run"), dataset.spec)
    assert isinstance(method(), Judges)
    state.cycle(Feed(dataset, 8, 0, False), 64)
    before = {name: value.clone() for name, value in state.networks.state_dict().items()}
    first, second = game.measure(state, dataset), game.measure(state, dataset)
    assert first is not None
    assert first == second
    assert (first["training"], "held_out" in first) == (80, False)
    assert set(first["norms"]) == {"generator", "discriminator"}
    assert all(torch.equal(value, before[name]) for name, value in state.networks.state_dict().items())
    assert game.measure(state, few) is None, "40 items are too few"


def test_samples_that_are_no_numbers_are_counted(tiny_dataset: TinyDataset, tiny_job: TinyJob) -> None:
    dataset = tiny_dataset("points")
    state = State(tiny_job(Gan, Path("unused")), dataset.spec)
    with torch.no_grad():
        next(state.averages.networks.get_submodule("generator").parameters()).fill_(torch.nan)
    numbers = game.measure(state, dataset)
    assert numbers is not None
    assert numbers["non_finite"] == game.ITEMS
    assert "distance" not in numbers


# ---- steps that explode


def test_a_thousand_times_the_usual_norm_explodes_and_a_hundred_times_does_not() -> None:
    norms = Norms()
    for step in range(WINDOW):
        assert not norms.explodes("0 p", 1e9), "nothing is usual yet"
        norms.add("0 p", "p", 3.0 + 0.01 * step)
    assert norms.last == {"p": 3.0 + 0.01 * (WINDOW - 1)}
    assert not norms.explodes("0 p", 300)
    assert norms.explodes("0 p", 1.1 * EXPLODED * 3.25)
    assert not norms.explodes("1 p", 1e9), "another phase has other gradients"


def test_where_gradients_have_vanished_what_was_usual_before_counts() -> None:
    norms = Norms()
    for norm in (2.0, 1e-9):
        for _ in range(WINDOW):
            norms.add("0 p", "p", norm)
    assert not norms.explodes("0 p", 100.0)
    again = Norms()
    again.load_state_dict(norms.state_dict())
    assert again.state_dict() == norms.state_dict()
    assert again.explodes("0 p", 2001.0)


# ---- runs


SPREAD: list[float] = []
"""how far the puppet's samples reach from its next steps on, one a step; empty: as far as real items"""
KICKS: list[tuple[int, float]] = []
"""steps, and what their loss is multiplied with; each once"""


class Strings(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Linear(2, 2)
        nn.init.eye_(self.generator.weight)
        nn.init.zeros_(self.generator.bias)


@final
@dataclass(frozen=True)
class Puppet(Method[Strings]):
    """Its samples are what the test wants them to be; its discriminator has no opinion."""

    paper = "nobody 2024"
    consumes = frozenset({"points"})
    averaged = ("generator",)

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Strings:
        return Strings()

    def optimizers(self) -> dict[str, Optimizer]:
        return {"generator": Adam(0.0)}

    def phases(self) -> tuple[Phase[Strings], ...]:
        return (Phase("generator", self.loss, after=self.pull),)

    def loss(self, nets: Strings, batch: Batch, progress: Progress) -> Loss:
        factor = 1.0
        if KICKS and KICKS[0][0] == progress.step:
            factor = KICKS.pop(0)[1]
        return Loss(factor * nets.generator(batch.x).square().mean())

    def pull(self, nets: Strings, batch: Batch, progress: Progress) -> None:
        nets.generator.weight.copy_(torch.eye(2) * (SPREAD.pop(0) if SPREAD else 1.0))

    def judge(self, nets: Strings, x: Tensor, label: Tensor | None = None) -> Tensor:
        return torch.zeros(len(x))

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        return (2,)

    def prior(
        self, nets: Strings, n: int, spec: DataSpec, generator: torch.Generator, label: Tensor | None = None
    ) -> Tensor:
        return torch.from_numpy(2 * ring(n, int(torch.randint(9, (), generator=generator)))).float()

    def decode(
        self, nets: Strings, z: Tensor, label: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        x: Tensor = nets.generator(z)
        return x


@pytest.fixture
def play(tiny_dataset: TinyDataset, tmp_path: Path) -> Callable[..., tuple[list[Report], Run]]:
    """Ten snapshots, of ten steps each; the spread of the samples in each of them, and kicks at steps."""

    def played(
        spread: list[float] | None = None, kicks: list[tuple[int, float]] | None = None, **training: Any
    ) -> tuple[list[Report], Run]:
        SPREAD[:] = [one for one in spread or () for _ in range(10)]
        KICKS[:] = kicks or []
        fields = {"images": 800, "snapshot_every": 80, "checkpoint_every": 40, "half_life": 1, **training}
        options = Training(batch=8, precision="float32", device="cpu", **fields)
        job = Job(Puppet(), DataOptions("memory"), options, str(tmp_path / "run"))
        return list(train(job, dataset=tiny_dataset("points"))), Run(job.folder)

    return played


COLLAPSES = [1.0, 1.0, 1.0, 0.01, 0.01, 0.01]


def said(reports: list[Report]) -> dict[int, str]:
    return {report.seen: report.health for report in reports if report.health}


def called(run: Run) -> dict[int, str]:
    return {seen: diagnosis.names for seen, diagnosis in health.history(run.lines())}


def test_a_sound_run_is_called_healthy_from_a_tenth_of_it_on(play: Any) -> None:
    reports, run = play()
    assert list(said(reports)) == [80]
    assert said(reports)[80].startswith("healthy: diversity 1.")
    assert set(called(run).values()) == {"healthy"}
    assert not run.sound.exists()


def test_a_collapse_is_called_within_two_snapshots_and_with_where_it_began(play: Any) -> None:
    reports, run = play(COLLAPSES)
    assert list(said(reports)) == [80, 400, 560], "the sound ones, the second collapsed one, the recovery"
    assert "since image 320" in said(reports)[400]
    assert called(run)[320] == "healthy"
    assert called(run)[480] == "collapsed"


def test_before_a_tenth_of_the_run_nothing_is_called(play: Any) -> None:
    _, run = play([0.01] * 3, snapshot_every=16)
    assert [called(run)[seen] for seen in (16, 32, 48, 64, 80)] == ["", "", "", "", "collapsed"]


def test_on_collapse_rollback_goes_back_to_the_last_sound_snapshot(play: Any) -> None:
    reports, run = play(COLLAPSES[:5], on_collapse="rollback")
    said_of_it = said(reports)
    (rolled,) = [line for line in said_of_it.values() if "back to image" in line]
    assert "the generator was lost (collapsed: " in rolled
    assert "at image 400: back to image 240, attempt 2, half the learning rate" in rolled
    assert set(called(run).values()) == {"healthy"}, "the log tells of the attempt that counts"
    state = checkpoint.load(run.checkpoint, pytest.fail)["state"]
    assert (state["attempt"], state["seen"]) == (1, 800)
    assert [one["seen"] for one in state["games"]] == list(range(80, 880, 80))


def test_a_collapse_that_comes_back_every_time_fails_after_three_attempts(play: Any) -> None:
    with pytest.raises(RunFailed, match=r"the generator was lost .* 3 attempts at lower rates included"):
        play([1.0, *[0.01] * 100], on_collapse="rollback")


def test_on_collapse_stop_saves_and_stops(play: Any, tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"collapsed: .* --on-collapse stop"):
        play(COLLAPSES, on_collapse="stop", checkpoint_every=800)
    run = Run(tmp_path / "run")
    assert checkpoint.load(run.checkpoint, pytest.fail)["seen"] == 400
    assert run.lines()[-1]["vitals"]["findings"][0]["name"] == "collapsed"


def test_on_collapse_is_refused_where_no_game_is_watched(tiny_job: TinyJob, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--on-collapse stop: vae has no game"):
        tiny_job(Vae, tmp_path, on_collapse="stop").check()


@pytest.mark.parametrize("factor", [1e6, 1e16])
def test_an_exploding_step_is_rolled_back_before_it_is_taken(factor: float, play: Any) -> None:
    reports, run = play(kicks=[(72, factor)])
    (line,) = [line for line in said(reports).values() if "back to image" in line]
    assert "attempt 2" in line
    assert "at image 576: back to image 560" in line
    assert ("the generator exploded (gradient norm" if factor < 1e15 else "beyond any sense (") in line
    assert checkpoint.load(run.checkpoint, pytest.fail)["state"]["attempt"] == 1
    assert reports[-1].seen == 800


def test_a_step_a_hundred_times_as_large_is_left_alone(play: Any) -> None:
    reports, _ = play(kicks=[(72, 100.0)])
    assert not any("back to image" in line for line in said(reports).values())


def test_the_best_snapshot_is_kept_beside_the_last(
    play: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = play([0.5, 0.8, 1.0, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1])
    (_, last), *_ = reversed(health.history(run.lines()))
    line = best.said(run, last.numbers["game"])
    assert line.startswith("the snapshot at image 240 was better than the last (kernel distance ")
    assert line.endswith(f"imaginable sample {run.best}")
    kept, shared = models.load(run.best, Puppet), models.load(run.folder, Puppet)
    assert kept.about["images_seen"] == 240
    assert float(kept.decode_tensor(torch.ones(1, 2))[0, 0]) == pytest.approx(1.0, abs=0.05)
    assert float(shared.decode_tensor(torch.ones(1, 2))[0, 0]) == pytest.approx(0.1, abs=0.05)


def test_where_last_and_best_may_be_equal_nothing_is_said_of_it(play: Any) -> None:
    _, run = play()
    (_, last), *_ = reversed(health.history(run.lines()))
    assert best.said(run, last.numbers["game"]) == ""


def test_goes_on_as_if_never_interrupted_with_its_history(
    tiny_dataset: TinyDataset, tiny_job: TinyJob, tmp_path: Path
) -> None:
    dataset = tiny_dataset("points")
    whole, parts = (tiny_job(Gan, tmp_path / name, snapshot_every=8) for name in ("whole", "parts"))
    list(train(whole, dataset=dataset))
    stream = train(parts, dataset=dataset)
    next(report for report in stream if report.seen == 24)
    stream.close()
    saved = checkpoint.load(Run(parts.folder).checkpoint, pytest.fail)["state"]
    assert [one["seen"] for one in saved["games"]] == [8, 16, 24]
    list(train(parts, resume=True, dataset=dataset))
    expected, found = (checkpoint.load(Run(job.folder).checkpoint, pytest.fail)["state"] for job in (whole, parts))
    assert found["games"] == expected["games"]
    assert len(found["games"]) == 8
    assert found["norms"] == expected["norms"]
    ends = [(Run(job.folder).best / "model.safetensors").read_bytes() for job in (whole, parts)]
    assert ends[0] == ends[1]


# ---- real ones


@pytest.fixture(scope="module")
def gaussians() -> Dataset:
    points, modes = toys.ring(2000)
    every = np.arange(2000)
    spec = DataSpec("points", (2,), count=1700)
    names = tuple(map(str, every))
    return Dataset(spec, points, modes, np.zeros((2000, 0), np.float32), names, every[:1700], every[1700:])


def learned(method: Method[Any], dataset: Dataset, folder: Path, images: int) -> list[tuple[int, health.Diagnosis]]:
    options = Training(images=images, batch=64, precision="float32", device="cpu")
    job = Job(method, DataOptions("memory"), options, str(folder))
    list(train(job, dataset=dataset))
    return health.history(Run(job.folder).lines())


def test_a_gan_with_a_far_too_large_learning_rate_is_called_collapsed(gaussians: Dataset, tmp_path: Path) -> None:
    found = learned(Gan(hidden=64, latents=8, lr=0.05, beta1=0.9), gaussians, tmp_path / "run", 16_000)
    fallen = [seen for seen, one in found if one.numbers["game"]["diversity"] < 0.1]
    first = next(seen for seen, one in found if one.names == "collapsed")
    assert first <= fallen[5]
    assert found[-1][1].names == "collapsed"


def test_a_discriminator_far_too_strong_is_called(
    gaussians: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unequal(self: Gan) -> dict[str, Optimizer]:
        return {"generator": Adam(self.lr / 100), "discriminator": Adam(100 * self.lr)}

    monkeypatch.setattr(Gan, "optimizers", unequal)
    found = learned(Gan(hidden=64, latents=8), gaussians, tmp_path / "run", 16_000)
    assert [one.names for _, one in found][-5:] == ["discriminator has won"] * 5


def test_a_gan_that_learns_is_never_called_anything_else(
    gaussians: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = learned(Gan(hidden=128, latents=8, lr=1e-3), gaussians, tmp_path / "run", 48_000)
    assert {one.names for _, one in found} == {"", "healthy"}
    assert found[-1][1].numbers["game"]["coverage"] > 0.3
    run = tmp_path / "run"
    assert main(["info", str(run)]) == 0
    assert "health: healthy: diversity " in capsys.readouterr().out
    assert main(["sample", str(run / "best"), "-n", "5"]) == 0
    assert np.load(run / "best" / "sampled" / "samples.npy").shape == (5, 2)
