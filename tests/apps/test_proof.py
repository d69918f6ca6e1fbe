"""The proof: who sees which pictures, what the arms are made of, what is said of the figures, and going on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from augmenting import EACH, GREYS, dataset_of, write_data

import imaginable as im
from imaginable.apps import _arms, _features, _generators, _outcome, _proof, _subsets
from imaginable.apps._arms import ARMS, BOTH, CLASSICAL, REAL, SYNTHETIC, WITH_SYNTHETIC, Trial
from imaginable.cli import main
from imaginable.core.errors import UserError
from imaginable.data.dataset import Dataset
from imaginable.metrics.crossed import Mean
from imaginable.training.run import Run

TINY = {"size": 16, "network": "mlp", "hidden": 8, "latents": 4, "batch": 8, "images": 64, "device": "cpu"}
SMALL = ["--amounts", "3", "6", "--seeds", "2", "--per-class", "4", "--images", "80", "--classifier-images", "256"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("real") / "greys")


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "told"
    im.train("conditional_vae", str(data), run=str(folder), **TINY)
    return folder


@pytest.fixture(autouse=True)
def short_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_features, "LEAST_IMAGES", 512)
    monkeypatch.setattr(_features, "EPOCHS", 1)


# ---- which real pictures


def test_subsets_are_nested_balanced_and_hold_nothing_else(data: Path) -> None:
    dataset = dataset_of(data)
    real = _subsets.real(dataset, 0)
    few, more = real.subset(3), real.subset(9)
    assert set(few.names) < set(more.names) < {dataset.names[item] for item in dataset.train}
    for one, amount in ((few, 3), (more, 9)):
        assert np.bincount(one.labels).tolist() == [amount] * 3
        assert len(one.items) == len(one.train) == one.spec.count == 3 * amount
        assert not len(one.held_out)
        for item, name, label in zip(one.items, one.names, one.labels, strict=True):
            assert name.startswith(list(GREYS)[label])
            assert (item == dataset.items[dataset.names.index(name)]).all()
    assert few.manifest["digest"] != more.manifest["digest"]


def test_the_choice_follows_the_seed_and_the_content_alone(data: Path) -> None:
    dataset = dataset_of(data)
    shuffled = replace(dataset, train=dataset.train[::-1])
    chosen = [
        set(_subsets.real(one, seed).subset(5).names) for one, seed in ((dataset, 0), (shuffled, 0), (dataset, 1))
    ]
    assert chosen[0] == chosen[1] != chosen[2]


def test_copies_count_once_and_never_stand_on_both_sides(data: Path) -> None:
    dataset = dataset_of(data)
    items = np.array(dataset.items)
    dark = dataset.train[dataset.labels[dataset.train] == 0]
    items[dark[1:4]] = items[dark[0]]
    items[dataset.held_out[0]] = items[dark[0]]
    real = _subsets.real(replace(dataset, items=items), 0)
    assert len(real.order[0]) == len(dark) - 3
    assert real.short(len(dark)).keys() >= {"dark"}
    assert dataset.held_out[0] not in real.test
    assert set(real.test) == set(dataset.held_out[1:])


def test_what_is_neither_trained_on_nor_held_out_is_test_too(data: Path) -> None:
    dataset = dataset_of(data)
    dropped = dataset.train[:5]
    fewer = replace(dataset, train=dataset.train[5:])
    assert set(_subsets.real(fewer, 0).test) == {*dataset.held_out, *dropped}
    everything = replace(dataset, train=np.arange(len(dataset.items)), held_out=dataset.train[:0])
    with pytest.raises(UserError, match="nothing to measure accuracy on"):
        _subsets.real(everything, 0)


# ---- what classifiers are trained on


def extras(counts: list[int], grey: int) -> list[np.ndarray]:
    return [np.full((count, 16, 16, 1), grey + label, np.uint8) for label, count in enumerate(counts)]


def test_at_least_half_is_real_and_classes_have_the_same_share(data: Path) -> None:
    real = _subsets.real(dataset_of(data), 0).subset(4)
    mixed = _arms.mixed(real, [extras([10, 5, 0], 240), extras([10, 10, 10], 10)])
    labels = mixed.labels[mixed.train]
    assert np.bincount(labels).tolist() == [40, 40, 40]
    seen = mixed.items[mixed.train]
    for label, counts in enumerate(((10, 10), (10, 10), (0, 10))):
        own = seen[labels == label]
        made = tuple(int((own == grey + label).all((1, 2, 3)).sum()) for grey in (240, 10))
        assert made == counts, "a class without extras has real ones in their place"
    assert _arms.mixed(real, []).train.tolist() == list(range(12))
    assert len(_arms.mixed(real, [extras([1, 1, 1], 240)]).train) == 12 + 3


def test_arms_hold_what_they_are_called_after(data: Path) -> None:
    real = _subsets.real(dataset_of(data), 0).subset(4)
    given = {"classical": extras([2, 2, 2], 240), "synthetic": extras([2, 2, 2], 10)}
    shown = {arm: _arms.of(arm, real, given) for arm in ARMS}
    has = {
        arm: [bool((one.items[one.train] == grey).all((1, 2, 3)).any()) for grey in (240, 10)]
        for arm, one in shown.items()
    }
    assert has == {REAL: [False, False], CLASSICAL: [True, False], SYNTHETIC: [False, True], BOTH: [True, True]}


@pytest.mark.parametrize("flip", [False, True])
def test_crops_are_moved_pictures_of_the_class(flip: bool, data: Path) -> None:
    real = _subsets.real(dataset_of(data), 0).subset(1)
    found = _arms.classical(real, 40, flip, 0)
    assert [len(one) for one in found] == [40, 40, 40]
    for label, crops in enumerate(found):
        original = real.items[real.labels == label][0]
        centre = original[4:12, 4:12]
        matches = [
            any((crop[4 + y : 12 + y, 4 + x : 12 + x] == centre).all() for y in range(-2, 3) for x in range(-2, 3))
            for crop in (crops if not flip else np.concatenate([crops, crops[:, :, ::-1]]))
        ]
        assert sum(matches) == 40
        assert len(np.unique(crops, axis=0)) > 10
        if flip:
            assert 5 < sum(matches[:40]) < 35
    again = _arms.classical(real, 40, flip, 1)
    assert not all((one == other).all() for one, other in zip(found, again, strict=True))


def test_a_trial_learns_and_repeats(data: Path) -> None:
    real = _subsets.real(dataset_of(data), 0)
    first, second = (_arms.trial(real.subset(12), real, 1500, seed, "cpu") for seed in (0, 0))
    assert first == second
    assert first.n == len(real.test)
    assert first.right / first.n > 0.8, "greys are easily told apart"
    wrong = replace(real.subset(12), labels=(real.subset(12).labels + 1) % 3)
    assert _arms.trial(wrong, real, 1500, 0, "cpu").right / first.n < 0.2


# ---- what is said


def outcome(accuracies: dict[str, list[list[int]]]) -> _outcome.Outcome:
    """Of right answers in a thousand: by arm, generator and seed."""
    generators, seeds = len(accuracies[SYNTHETIC]), len(accuracies[REAL][0])
    return _outcome.outcome(10, lambda arm, g, seed: Trial(accuracies[arm][g][seed], 1000), generators, seeds, [])


def test_gains_are_taken_seed_by_seed() -> None:
    """Seeds differ by ten points, synthetic pictures always add two: the gain is certain, the accuracies are not."""
    base = [400, 500, 450, 550, 600]
    found = outcome(
        {
            REAL: [base],
            CLASSICAL: [[one + 50 for one in base]],
            SYNTHETIC: [[one + 20 for one in base], [one + 22 for one in base]],
            BOTH: [[one + 10 for one in base], [one + 13 for one in base]],
        }
    )
    assert found.accuracy[REAL].value == pytest.approx(50)
    assert found.accuracy[REAL].error == pytest.approx(np.std([40, 50, 45, 55, 60], ddof=1) / 5**0.5)
    gain = found.gains[SYNTHETIC, REAL]
    assert gain.value == pytest.approx(2.1)
    assert gain.error == pytest.approx(0.1), "that of two generators, 2.0 and 2.2"
    assert found.verdict(SYNTHETIC, REAL) == _outcome.HELPED
    assert found.verdict(SYNTHETIC, CLASSICAL) == _outcome.HURT
    assert found.verdict(BOTH, CLASSICAL) == _outcome.HURT
    said = _outcome.sentences(found)
    assert said[0].startswith("synthetic pictures helped: +2.1 ± 0.1 points")
    assert "are worse" in said[1]
    assert said[3].startswith("the crops themselves helped: +5.0 ± 0.0")


def test_generators_that_disagree_prove_nothing() -> None:
    base = [500, 501, 499, 500, 502]
    arms = {REAL: [base], CLASSICAL: [base], BOTH: [base, base]}
    found = outcome({**arms, SYNTHETIC: [[one + 40 for one in base], [one - 10 for one in base]]})
    assert found.gains[SYNTHETIC, REAL].value == pytest.approx(1.5)
    assert found.verdict(SYNTHETIC, REAL) == _outcome.NOTHING
    assert found.verdict(BOTH, CLASSICAL) == _outcome.NOTHING


@pytest.mark.parametrize(
    ("gain", "word"),
    [
        (Mean(1.0, 0.35, 4), _outcome.HELPED),
        (Mean(1.0, 0.4, 4), _outcome.NOTHING),  # 2.5 errors, and Student's t of 4 is 2.78
        (Mean(-1.0, 0.35, 4), _outcome.HURT),
        (Mean(5.0, 0.5, 1), _outcome.NOTHING),  # and of 1 it is 12.7
        (Mean(0.0, 0.0, 4), _outcome.NOTHING),
        (Mean(9.0, float("nan"), 0), _outcome.NOTHING),
    ],
)
def test_verdicts_use_the_interval(gain: Mean, word: str) -> None:
    assert _outcome.verdict(gain) == word


# ---- the whole


@pytest.fixture(scope="module")
def proof(run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Dataset]]:
    """One that came to its end, and the data that its generators were given."""
    out, given = tmp_path_factory.mktemp("proofs") / "proof", list[Dataset]()
    whole = _generators.train

    def train(job: Any, *, dataset: Dataset, **named: Any) -> Iterator[Any]:
        given.append(dataset)
        return whole(job, dataset=dataset, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_generators, "train", train)
        patch.setattr(_features, "LEAST_IMAGES", 512)
        patch.setattr(_features, "EPOCHS", 1)
        assert main(["augment", str(run), "--prove", *SMALL, "--out", str(out)]) == 0
    return out, given


def test_generators_see_the_subset_and_nothing_else(proof: tuple[Path, list[Dataset]], data: Path) -> None:
    out, given = proof
    real = _subsets.real(dataset_of(data), 0)
    assert len(given) == 4
    for seen, amount in zip(given, (3, 3, 6, 6), strict=True):
        allowed = real.subset(amount)
        assert set(seen.names) == set(allowed.names)
        assert {item.tobytes() for item in seen.items} == {item.tobytes() for item in allowed.items}
        assert not len(seen.held_out)
    kept = Run(out / "of-3" / "generator-0" / "run")
    assert set(json.loads(kept.manifest.read_text())["names"]) == set(real.subset(3).names)
    assert main(["resume", str(kept.folder)]) == 2, "it would go on with pictures that the proof does not allow"


def test_every_trial_is_there_and_the_page_has_them(proof: tuple[Path, list[Dataset]]) -> None:
    out, _ = proof
    rows = (out / "proof.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 2 * (2 + 2 * len(WITH_SYNTHETIC))
    record = json.loads((out / "proof.json").read_text())
    assert [one["of_each_class"] for one in record["outcomes"]] == [3, 6]
    assert {one["near_copies"] for outcome in record["outcomes"] for one in outcome["synthetic"]} == {0}
    page = (out / "proof.html").read_text()
    assert all(sentence[:40] in page for sentence in record["outcomes"][0]["said"])


def test_the_same_command_measures_nothing_twice(
    proof: tuple[Path, list[Dataset]], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _ = proof
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def never(*given: Any, **named: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(_arms, "trial", never)
    monkeypatch.setattr(_generators, "train", never)
    assert main(["augment", str(run), "--prove", *SMALL, "--out", str(out)]) == 0
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_cut_off_anywhere_it_comes_to_the_same(
    proof: tuple[Path, list[Dataset]],
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, _ = proof
    words = ["augment", str(run), "--prove", *SMALL, "--out", str(tmp_path / "again")]
    whole, calls = _proof.Trials.add, list[int]()

    def add(*given: Any) -> None:
        whole(*given)
        calls.append(1)
        if len(calls) in (3, 14):
            raise KeyboardInterrupt

    monkeypatch.setattr(_proof.Trials, "add", add)
    for left in (3, 14):
        assert main(words) == 130
        assert len(calls) == left
        assert "the same command goes on from there" in capsys.readouterr().out
        assert len((tmp_path / "again" / "proof.csv").read_text().splitlines()) == 1 + left
    assert main(words) == 0
    for name in ("proof.csv", "proof.json"):
        assert (tmp_path / "again" / name).read_text() == (out / name).read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--per-class", "5"], "a proof with per-class 4 is there, and 5 is asked for now"),
        (["--images", "160"], "a proof with images 80 is there"),
        (["--amounts", "1"], "--amounts: numbers of real pictures of each class from 2"),
        (["--amounts", "10", str(EACH + 1)], "no class has as many different training pictures (at most"),
        (["--seeds", "1"], "--seeds 1: must be at least 2"),
        (["--generators", "0"], "--generators 0: must be at least 1"),
        (["--classifier-images", "0"], "--classifier-images 0: must be at least 1"),
        (["--label", "dark"], "a proof is of all classes"),
        (["--out", "RUN"], "the folder is not empty and holds no proof"),
        (["--out", "DATA/proof"], "inside the real data"),
    ],
)
def test_mistakes_get_one_or_two_clear_lines(
    words: list[str],
    expected: str,
    proof: tuple[Path, list[Dataset]],
    run: Path,
    data: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, _ = proof
    given = [word.replace("RUN", str(run)).replace("DATA", str(data)) for word in words]
    before = sorted(out.rglob("*"))
    assert main(["augment", str(run), "--prove", *SMALL, "--out", str(out), *given]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert len(said.strip().splitlines()) <= 2
    assert sorted(out.rglob("*")) == before


@pytest.mark.parametrize(("name", "text"), [("plan.json", "{"), ("proof.csv", "of_each_class,arm\n3,real\n")])
def test_a_damaged_file_is_named(
    name: str,
    text: str,
    proof: tuple[Path, list[Dataset]],
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for one in ("plan.json", "proof.csv"):
        (copy / one).write_bytes((proof[0] / one).read_bytes())
    (copy / name).write_text(text)
    assert main(["augment", str(run), "--prove", *SMALL, "--out", str(copy)]) == 2
    assert f"{copy / name}: not " in capsys.readouterr().err


def test_runs_whose_generators_would_know_more_are_refused(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    im.train("conditional_vae", str(data), run=str(tmp_path / "tuned"), start_from=str(run), **TINY)
    im.train("vae", str(data), run=str(tmp_path / "plain"), **TINY)
    capsys.readouterr()
    for name, expected in (
        ("tuned", "may have seen other pictures"),
        ("plain", "vae is never told the classes"),
        ("none", "is no run"),
    ):
        assert main(["augment", str(tmp_path / name), "--prove"]) == 2
        assert expected in capsys.readouterr().err
