"""What a run is said to suffer from: flagged where it does, silent where it does not."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from imaginable.cli import main
from imaginable.core.optimizers import Adam, Optimizer
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.methods._method import Method, Phase, Trained
from imaginable.methods.vae import Vae
from imaginable.training import checkpoint, health, vitals
from imaginable.training.health import Diagnosis, Finding
from imaginable.training.job import Job
from imaginable.training.run import Run
from imaginable.training.state import State
from imaginable.training.train import Report, train

TinyDataset = Callable[[str], Dataset]
TinyJob = Callable[..., Job[Any]]


# ---- from vitals to numbers


def summary(**measured: Tensor) -> dict[str, Any]:
    return vitals.summarised({"items": torch.tensor(512), **measured})


def test_rate_distortion_and_bound_are_those_of_the_definition() -> None:
    numbers = summary(kl=torch.tensor([0.5, 3.0, 0.0]), distortion=torch.tensor(80.0))
    assert numbers["kl"] == [3.0, 0.5, 0.0]
    assert (numbers["rate"], numbers["distortion"], numbers["bound"]) == (3.5, 80.0, -83.5)


def test_a_dimension_is_in_use_where_its_mean_varies_by_more_than_a_hundredth() -> None:
    numbers = summary(kl=torch.ones(4), mean_variance=torch.tensor([0.9, 0.011, 0.009, 0.0]))
    assert (numbers["active_units"], numbers["dimensions"]) == (2, 4)


def test_usage_of_a_codebook() -> None:
    numbers = summary(usage=torch.tensor([10.0, 0.0, 10.0, 20.0]))
    assert (numbers["codebook"], numbers["used"], numbers["choices"]) == (4, 3, 40)
    assert numbers["usage"] == [0.5, 0.25, 0.25, 0.0]
    assert numbers["perplexity"] == pytest.approx(2**1.5, rel=1e-3)  # entropies of ½, ¼, ¼: one and a half bits


# ---- the distance of codes from N(0, I)


def normal(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def flagged(codes: Tensor) -> str | None:
    finding = health._off_prior(summary(codes=codes))
    return finding.name if finding else None


@pytest.mark.parametrize("d", [1, 2, 8, 32, 64, 300])
@pytest.mark.parametrize("n", [40, 512])
def test_standard_normal_codes_gain_nothing_and_are_never_flagged(n: int, d: int) -> None:
    for seed in range(4):
        codes = normal(n, d, seed)
        nats, error = vitals.distance_from_prior(codes)
        assert nats - 2 * error < 0.2
        assert flagged(codes) is None


@pytest.mark.parametrize("deviation", [0.4, 2.0])
def test_the_distance_of_a_wider_or_narrower_normal_is_its_kl(deviation: float) -> None:
    exact = 8 * 0.5 * (deviation**2 - 1 - math.log(deviation**2))
    nats, error = vitals.distance_from_prior(deviation * normal(512, 8))
    assert nats == pytest.approx(exact, abs=0.05 * exact + 3 * error)


def test_the_distance_of_a_shifted_normal_is_half_the_square_of_the_shift() -> None:
    nats, error = vitals.distance_from_prior(normal(512, 4) + torch.tensor([2.0, 0.0, 0.0, 1.0]))
    assert nats == pytest.approx(2.5, abs=0.1 + 3 * error)


def test_a_thin_sheet_whose_every_dimension_looks_standard_normal_is_flagged() -> None:
    sheet = normal(512, 8) @ torch.nn.functional.normalize(normal(8, 32, 1), dim=0) + 0.1 * normal(512, 32, 2)
    assert float((sheet.std(0) - 1).abs().max()) < 0.15
    assert flagged(sheet) == "not a sampler"


def test_clusters_with_the_covariance_of_the_prior_are_flagged() -> None:
    angles = torch.arange(512) % 8 * math.pi / 4
    ring = math.sqrt(2) * torch.stack([angles.cos(), angles.sin()], 1) + 0.1 * normal(512, 2)
    assert torch.allclose(torch.cov(ring.T), torch.eye(2), atol=0.05)
    # a density of eight narrow normals, each with a deviation of a tenth and an eighth of the mass
    exact = -math.log(8) - 2 * math.log(0.1) - 1 + 0.5 * (2 + 2 * 0.01)
    nats, _ = vitals.distance_from_prior(ring)
    assert 0.8 * exact < nats <= exact + 0.1
    assert flagged(ring) == "codes off the prior"


# ---- from numbers to findings

HEALTHY: dict[str, Tensor] = {
    "kl": torch.linspace(3, 0, 32),
    "mean_variance": torch.linspace(0.9, 0, 32),
    "codes": normal(512, 32),
    "distortion": torch.tensor(90.0),
    "error": torch.tensor(0.1),
    "deviation": torch.tensor(0.1),
    "usage": torch.cat([torch.full((200,), 100.0), torch.zeros(56)]),
}


def names(**changed: Tensor) -> list[str]:
    return [finding.name for finding in health.called(summary(**{**HEALTHY, **changed}))]


def test_a_healthy_model_gets_one_short_line() -> None:
    diagnosis = Diagnosis(summary(**HEALTHY), ())
    assert names() == []
    assert str(diagnosis) == "healthy: 31 of 32 latent dimensions in use, rate 48 nats, 200 of 256 codes in use"
    assert diagnosis.names == "healthy"


@pytest.mark.parametrize(
    ("changed", "name", "remedy"),
    [
        ({"kl": torch.full((32,), 0.03)}, "posterior collapse", "lower --beta"),
        ({"mean_variance": torch.full((32,), 0.009)}, "posterior collapse", "--kl-warmup"),
        ({"mean_variance": torch.eye(32)[0] + torch.eye(32)[7]}, "few dimensions in use", "fewer --latents"),
        ({"codes": 1.5 * normal(512, 32)}, "codes off the prior", "mixture fitted to the codes"),
        ({"codes": 0.2 * normal(512, 32)}, "not a sampler", "raise --beta"),
        ({"usage": torch.cat([torch.full((127,), 100.0), torch.zeros(129)])}, "dead codes", "fewer --codes"),
        ({"deviation": torch.tensor(0.21)}, "blurred by a fixed variance", "--deviation 0.1"),
    ],
)
def test_every_finding_is_called_alone_and_says_what_to_do(changed: dict[str, Tensor], name: str, remedy: str) -> None:
    (finding,) = health.called(summary(**{**HEALTHY, **changed}))
    assert finding.name == name
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    "changed",
    [
        {"kl": torch.full((32,), 0.04)},
        {"mean_variance": torch.eye(32)[:4].sum(0)},
        {"codes": 1.1 * normal(512, 32)},
        {"usage": torch.cat([torch.full((128,), 100.0), torch.zeros(128)])},
        {"usage": torch.cat([torch.full((20,), 20.0), torch.zeros(236)])},  # too few choices to judge by
        {"deviation": torch.tensor(0.19)},
    ],
)
def test_near_a_threshold_nothing_is_called(changed: dict[str, Tensor]) -> None:
    assert names(**changed) == []


@pytest.mark.parametrize("given", [[], ["usage"], ["kl"], ["mean_variance"], ["error"], ["distortion", "codes"]])
def test_vitals_that_a_method_does_not_have_are_not_missed(given: list[str]) -> None:
    numbers = summary(**{name: HEALTHY[name] for name in given})
    assert health.called(numbers) == ()
    assert str(Diagnosis(numbers, ())).startswith("healthy")


def test_codes_of_a_method_without_a_prior_are_not_compared_with_one() -> None:
    wide = {"items": torch.tensor(512), "codes": 9 * normal(512, 4)}
    assert "off_prior" in vitals.summarised(wide)
    assert "off_prior" not in vitals.summarised(wide, has_prior=False)


def test_a_diagnosis_survives_the_log() -> None:
    found = Diagnosis(summary(**HEALTHY), (Finding("posterior collapse", "why", "what to do"),))
    young = dataclasses.replace(found, findings=None)
    lines = [{"seen": 8, "vitals": young.logged()}, {"seen": 9}, {"seen": 16, "vitals": found.logged()}]
    assert health.history(json.loads(json.dumps(lines))) == [(8, young), (16, found)]
    assert str(young) == "too early for a diagnosis"


# ---- measuring, and saying it in a run


class Networks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Linear(1, 1, bias=False)


@final
@dataclass(frozen=True)
class Watched(Method[Networks]):
    """Its rate is a hundred times what it has learned; nothing else is the matter with it."""

    paper = "nobody 2024"
    consumes = frozenset({"images", "points"})
    averaged = ("scale",)

    step: float = 0.0
    """added to its weight every step, whatever the gradient"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Networks:
        nets = Networks()
        nn.init.zeros_(nets.scale.weight)
        return nets

    def optimizers(self) -> dict[str, Optimizer]:
        return {"scale": Adam(0.0)}

    def phases(self) -> tuple[Phase[Networks], ...]:
        return (Phase("scale", self.loss, after=self.grow),)

    def loss(self, nets: Networks, batch: Batch, progress: Progress) -> Loss:
        return Loss(nets.scale.weight.sum())

    def grow(self, nets: Networks, batch: Batch, progress: Progress) -> None:
        nets.scale.weight += self.step

    def vitals(self, nets: Networks, x: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        flat = x.flatten(1)
        return {
            "kl": 100 * nets.scale.weight[0],
            "codes": flat,
            "usage": torch.full((2,), float(len(x))),
            "error": flat.square().mean().sqrt(),
        }


def test_blocks_are_put_together_as_if_measured_at_once(tiny_dataset: TinyDataset, tiny_job: TinyJob) -> None:
    """180 items do not fit into one block; where 20 are held out, items to train on are taken."""
    dataset = tiny_dataset("points")
    state = State(tiny_job(Watched, Path("unused")), dataset.spec)
    measured = vitals.measure(state, dataset)
    assert measured is not None
    every = dataset.batch(dataset.train).x
    assert measured["codes"].shape == every.shape
    assert torch.equal(measured["codes"].sort(0).values, every.sort(0).values)
    assert measured["usage"].tolist() == [180, 180]
    assert int(measured["items"]) == 180
    torch.testing.assert_close(measured["error"], every.square().mean().sqrt(), rtol=0.01, atol=0)


def test_held_out_items_are_looked_at_where_there_are_enough(tiny_dataset: TinyDataset, tiny_job: TinyJob) -> None:
    dataset = tiny_dataset("points")
    split = dataclasses.replace(dataset, train=np.arange(100), held_out=np.arange(100, 200))
    measured = vitals.measure(State(tiny_job(Watched, Path("unused")), dataset.spec), split)
    assert measured is not None
    assert torch.equal(measured["codes"].sort(0).values, split.batch(split.held_out).x.sort(0).values)


def test_where_not_all_are_looked_at_they_come_from_everywhere(
    tiny_dataset: TinyDataset, tiny_job: TinyJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items may stand in the order of their classes."""
    monkeypatch.setattr(vitals, "ITEMS", 64)
    dataset = tiny_dataset("points")
    ordered = dataclasses.replace(dataset, items=np.arange(400, dtype=np.float32).reshape(200, 2))
    measured = vitals.measure(State(tiny_job(Watched, Path("unused")), dataset.spec), ordered)
    assert measured is not None
    looked_at = measured["codes"][:, 0] / 2  # of the 180 to train on
    assert len(looked_at.unique()) == 64
    assert torch.histc(looked_at, 3, 0, 180).min() > 10


def test_what_may_be_noise_is_not_called() -> None:
    assert health._off_prior({"off_prior": 1.1, "off_prior_error": 0.1}) is None
    assert health._off_prior({"off_prior": 1.3, "off_prior_error": 0.1}) is not None


def test_too_few_items_are_not_judged_by(tiny_dataset: TinyDataset, tiny_job: TinyJob) -> None:
    dataset = tiny_dataset("points")
    few = dataclasses.replace(dataset, train=np.arange(20), held_out=np.arange(20, 30))
    assert vitals.measure(State(tiny_job(Watched, Path("unused")), dataset.spec), few) is None


HEALED = "healthy: rate 1.09 nats, 2 of 2 codes in use"


def watched(folder: Path, tiny_job: TinyJob, **training: Any) -> Job[Any]:
    """Eight steps, a snapshot after each; the rate passes a nat with the fifth."""
    job = tiny_job(Watched, folder, snapshot_every=8, **training)
    return Job(Watched(step=0.0022), DataOptions("memory"), job.training, job.run)


def test_nothing_is_called_early_and_a_change_is_said_once(
    tiny_dataset: TinyDataset, tiny_job: TinyJob, tmp_path: Path
) -> None:
    job = watched(tmp_path / "run", tiny_job)
    reports: list[Report] = list(train(job, dataset=tiny_dataset("points")))
    said = {report.seen: report.health for report in reports if report.health}
    assert list(said) == [16, 40], "the first snapshot is at an eighth of the run"
    assert said[16].startswith("posterior collapse: ")
    assert said[40] == HEALED
    history = health.history(Run(job.folder).lines())
    assert [seen for seen, _ in history] == list(range(8, 72, 8))
    assert [diagnosis.names for _, diagnosis in history] == ["", *["posterior collapse"] * 3, *["healthy"] * 4]


def test_what_was_said_is_in_the_checkpoint(tiny_dataset: TinyDataset, tiny_job: TinyJob, tmp_path: Path) -> None:
    job, dataset = watched(tmp_path / "run", tiny_job), tiny_dataset("points")
    stream = train(job, dataset=dataset)
    next(report for report in stream if report.seen == 24)
    stream.close()
    assert checkpoint.load(Run(job.folder).checkpoint, pytest.fail)["state"]["said"] == "posterior collapse"
    later = [report.health for report in train(job, resume=True, dataset=dataset) if report.health]
    assert later == [HEALED]


def test_a_measurement_does_not_change_what_is_learned(
    tiny_dataset: TinyDataset, tiny_job: TinyJob, tmp_path: Path
) -> None:
    weights = []
    for every in (8, 64):
        job = tiny_job(Vae, tmp_path / str(every), snapshot_every=every)
        list(train(job, dataset=tiny_dataset("images")))
        weights.append((Run(job.folder).model / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


# ---- a real one, as a person sees it


@pytest.mark.parametrize(("beta", "collapsed"), [(50, True), (3, False)])
def test_a_vae_pushed_into_collapse_is_called_collapsed_and_a_healthy_one_is_not(
    beta: int, collapsed: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    words = ["train", "vae", "digits", "--size", "16", "--network", "mlp", "--hidden", "64", "--latents", "8"]
    words += ["--output", "bernoulli", "--lr", "3e-3", "--images", "20000", "--beta", str(beta), "--run", str(run)]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert main(["info", str(run)]) == 0
    told_again = capsys.readouterr().out
    log, page = ((run / name).read_text() for name in ("log.jsonl", "report.html"))
    assert "<h2>Diagnosis</h2>" in page
    assert page.count('class="plot"') == 2, "of the diagnosis, and of the losses"
    for text in (told, told_again, log, page):
        assert ("posterior collapse" in text) == collapsed
        assert ("lower --beta" in text) == collapsed
    assert ("healthy: 8 of 8 latent dimensions in use" in told_again) != collapsed
    last = Run(run).lines()[-1]["vitals"]
    assert (last["rate"] < 0.1) == collapsed
