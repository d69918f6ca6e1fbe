"""What sets of pictures are compared by: chosen by the data, trained once, named in every figure."""

from __future__ import annotations

import dataclasses
import gc
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

from imaginable.apps import _features, _networks, _sides
from imaginable.apps._features import Extractor, Kind, choose
from imaginable.apps._progress import Display
from imaginable.core.errors import UserError
from imaginable.core.types import DataSpec
from imaginable.data import cache, images, toys
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare
from imaginable.methods import _storage
from imaginable.methods._classifier import Classifier
from imaginable.networks.inception import Inception
from imaginable.training.job import Training
from imaginable.training.train import Report

DIGITS = DataOptions("digits", size=16)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, and a short training."""
    monkeypatch.setenv("IMAGINABLE_CACHE", str(tmp_path / "cache"))
    short(monkeypatch, 1_000)
    return tmp_path


def short(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    training = Training(images=count, batch=100, precision="float32", device="cpu", snapshot_every=count)
    monkeypatch.setattr(_features, "TRAINING", training)


def chosen(options: DataOptions = DIGITS, kind: Kind = "auto", inception: Path | None = None) -> tuple[Extractor, bool]:
    """The extractor, and whether a classifier was trained for it."""
    said: list[str] = []
    extractor = choose(kind, options, prepare(options), inception, said.append)
    return extractor, any("training a classifier" in line for line in said)


def entries() -> set[str]:
    folder = cache.folder() / "classifiers"
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def in_memory(labels: np.ndarray, classes: tuple[str, ...], size: int = 16) -> Dataset:
    """Grey noise, all of it trained on but the last ten pictures."""
    items = np.random.default_rng(0).integers(0, 256, (len(labels), size, size, 1), dtype=np.uint8)
    every = np.arange(len(labels))
    spec = DataSpec("images", (1, size, size), classes=classes, count=len(labels) - 10)
    factors = np.zeros((len(labels), 0), np.float32)
    return Dataset(spec, items, labels, factors, tuple(map(str, every)), every[:-10], every[-10:])


# ---- the classifier


def test_a_classifier_is_trained_once_and_found_again() -> None:
    first, trained = chosen()
    again, trained_again = chosen()
    assert (trained, trained_again) == (True, False)
    pictures = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 1), dtype=np.uint8)
    np.testing.assert_array_equal(first.features(pictures), again.features(pictures))
    assert first.said == again.said
    assert len(entries()) == 1, "and nothing beside it"


def test_the_same_pictures_at_another_place_find_it_and_other_ones_do_not(place: Path) -> None:
    pictures, labels = toys.digits()
    for number in range(120):
        path = place / "one" / str(labels[number] % 2) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        images.picture(pictures[number, :, :, None]).save(path)
    shutil.copytree(place / "one", place / "other")
    shutil.copytree(place / "one", place / "less")
    next((place / "less" / "0").iterdir()).unlink()
    one, other, less = (DataOptions(str(place / name), size=16) for name in ("one", "other", "less"))
    assert [chosen(options)[1] for options in (one, other, less)] == [True, False, True]


@pytest.mark.parametrize("change", [{"size": 20}, {"limit": 500}, {"binarise": True}, {"background": "black"}])
def test_the_same_pictures_read_otherwise_have_another(change: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    short(monkeypatch, 100)
    chosen()
    assert chosen(DataOptions(**{"source": "digits", "size": 16, **change}))[1]
    assert len(entries()) == 2


def test_an_interrupted_training_leaves_nothing_and_the_next_one_works(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(display: Display, report: Report) -> None:
        raise KeyboardInterrupt

    short(monkeypatch, 300)
    monkeypatch.setattr(Display, "show", interrupted)
    with pytest.raises(KeyboardInterrupt):
        chosen()
    gc.collect()  # a training that nobody closed would save a checkpoint now
    assert not entries()
    monkeypatch.undo()
    monkeypatch.setenv("IMAGINABLE_CACHE", str(place / "cache"))
    short(monkeypatch, 300)
    assert chosen()[1]
    assert len(entries()) == 1


def test_one_that_another_process_has_just_trained_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _networks.train

    def overtaken(job: Any, *, dataset: Dataset) -> Any:
        yield from whole(job, dataset=dataset)
        other = _features._folder(DIGITS, dataset)
        shutil.copytree(job.folder / "model", other)
        (other / "first").touch()

    short(monkeypatch, 100)
    monkeypatch.setattr(_networks, "train", overtaken)
    assert chosen()[1]
    (name,) = entries()
    assert (cache.folder() / "classifiers" / name / "first").exists()


def test_the_callers_randomness_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    short(monkeypatch, 100)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    chosen()
    assert torch.equal(torch.get_rng_state(), before)


def test_it_tells_held_out_digits_apart_and_says_how_well(monkeypatch: pytest.MonkeyPatch) -> None:
    short(monkeypatch, 8_000)
    extractor, _ = chosen()
    dataset = prepare(DIGITS)
    batch = dataset.batch(dataset.held_out)
    assert batch.label is not None
    features = extractor.features_of(batch.x)
    probabilities = extractor.probabilities(features)
    assert probabilities is not None
    assert probabilities.shape == (len(batch), 10)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    right = float((probabilities.argmax(1) == batch.label.numpy()).mean())
    assert right > 0.8
    assert f"right on {right:.1%} of {len(batch)} held-out" in extractor.said
    folder = cache.folder() / "classifiers" / next(iter(entries()))
    network = _storage.load(folder, Classifier).networks.get_submodule("classifier")
    with torch.no_grad():
        torch.testing.assert_close(torch.softmax(network(batch.x), 1).numpy(), probabilities.astype(np.float32))
    seen = extractor.features(images.to_uint8(batch.x))
    np.testing.assert_allclose(seen, features, atol=1e-4)


# ---- what the data allows


@pytest.mark.parametrize(
    ("labels", "classes", "why"),
    [
        (np.zeros(60, np.int64), ("only",), "has 1 of the 2 classes with at least 20 training pictures"),
        (np.arange(60) // 51, ("many", "few"), "has 1 of the 2 classes with at least 20 training pictures"),
        (np.where(np.arange(60) % 3, -1, np.arange(60) % 2), ("a", "b"), "has 0 of the 2 classes"),
        (np.full(60, -1), (), "has no classes to train a classifier on"),
        (np.arange(60) % 2, ("a", "b"), "has pictures of 512 px, and the classifier takes at most 256"),
    ],
    ids=["one", "few", "unknown", "none", "large"],
)
def test_where_a_classifier_cannot_be_trained_random_features_take_over_and_say_why(
    labels: np.ndarray, classes: tuple[str, ...], why: str
) -> None:
    options, dataset = DataOptions("noise"), in_memory(labels, classes, 512 if "512" in why else 16)
    with pytest.raises(UserError, match=rf"^--features classifier: noise {why}.*; use --features random$"):
        choose("classifier", options, dataset, None, str)
    extractor = choose("auto", options, dataset, None, str)
    assert extractor.name == "random"
    assert f"(noise {why}" in extractor.said
    assert why not in choose("random", options, dataset, None, str).said
    assert not entries()


def test_random_features_are_asked_for_even_where_there_are_classes() -> None:
    extractor, trained = chosen(kind="random")
    assert (extractor.name, trained) == ("random", False)
    assert extractor.probabilities(np.zeros((2, 112), np.float32)) is None


def test_points_are_their_own_features() -> None:
    options = DataOptions("gaussians", limit=200)
    extractor = choose("auto", options, prepare(options), None, str)
    points = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    assert extractor.features(points) is points
    np.testing.assert_array_equal(extractor.features_of(torch.from_numpy(points)), points)
    assert extractor.figure("FD") == "FD-points"


def test_random_features_are_the_same_in_every_process() -> None:
    code = (
        "import torch; torch.manual_seed(9); torch.set_num_threads(1)\n"
        "from imaginable.networks.features import RandomFeatures\n"
        "x = torch.linspace(-1, 1, 3 * 16 * 16).view(1, 3, 16, 16)\n"
        "print(*RandomFeatures(3)(x)[0, ::10].tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    there = [float(value) for value in done.stdout.split()]
    pinned = [0.4358, 0.0, 0.0420, 0.1123, 0.0, 0.1447, 0.0, 0.2591, 0.0926, 0.1067, 0.1794, 0.1523]
    np.testing.assert_allclose(there, pinned, atol=1e-4)


# ---- names


def test_figures_by_different_features_have_different_names() -> None:
    names = {kind: Extractor(kind, "", None) for kind in ("classifier", "random", "points", "inception")}
    assert [one.figure("FD") for one in names.values()] == ["FD-classifier", "FD-random", "FD-points", "FID"]
    assert [one.figure("KD") for one in names.values()] == ["KD-classifier", "KD-random", "KD-points", "KID"]
    assert names["inception"].figure("path length") == "path length-inception"


# ---- the FID's network


@pytest.mark.parametrize("kind", ["random", "classifier"])
def test_weights_that_would_not_be_used_are_refused(kind: Kind) -> None:
    with pytest.raises(UserError, match=rf"--features {kind} needs none: leave one of them out"):
        chosen(kind=kind, inception=Path("mine.safetensors"))


def test_weights_in_a_file_give_the_fid(place: Path) -> None:
    weights = random_weights()
    path = place / "mine.safetensors"
    safetensors.torch.save_file(weights, path)
    for kind in ("auto", "inception"):
        extractor, trained = chosen(kind=kind, inception=path)
        assert (extractor.figure("FD"), extractor.figure("KD"), trained) == ("FID", "KID", False)
    found = extractor.features(np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1), dtype=np.uint8))
    assert found.shape == (2, 2048)
    assert np.isfinite(found).all()
    assert not np.array_equal(found[0], found[1])


def random_weights() -> dict[str, Tensor]:
    """Such as keep the scale of what they see."""
    torch.manual_seed(0)
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in Inception().state_dict().items() if "tracked" not in name}
    found = {}
    for name, shape in shapes.items():
        if len(shape) > 1:
            found[name] = torch.randn(shape) * (2 / shape[1:].numel()) ** 0.5
        else:
            found[name] = torch.zeros(shape) if name.endswith(("bias", "mean")) else torch.ones(shape)
    return found


# ---- two sides


def two_sides(held_out: int = 30) -> Dataset:
    """Pairs: A has a bright upper half, B a dark one, so that both sides and turns can be told."""
    n, size = 150, 16
    random = np.random.default_rng(0)
    a = np.zeros((n, size, size, 1), np.uint8)
    a[:, : size // 2] = 200
    a += random.integers(0, 50, a.shape, dtype=np.uint8)
    every = np.arange(n)
    spec = DataSpec("pairs", (1, size, size), target_shape=(1, size, size), count=n - held_out)
    empty = np.zeros((n, 0), np.float32)
    names = tuple(map(str, every))
    cut = n - held_out
    labels = np.full(n, -1)
    manifest = {"digest": "two sides"}
    return Dataset(
        spec, a, labels, empty, names, every[:cut], every[cut:], manifest, targets=255 - a, target_names=names
    )


def test_sides_are_told_apart_in_every_turn(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short(monkeypatch, 15_000)
    said: list[str] = []
    data = two_sides()
    extractor = _features.between("auto", DataOptions("two"), data, data.only_b(), None, said.append)
    assert extractor.name == "sides"
    assert extractor.figure("KD") == "KD-sides"
    a, b = extractor.features(data.items[data.held_out]), extractor.features(data.targets[data.held_out])
    again = extractor.features(data.targets[data.train[:30]])
    between = np.square(a.mean(0) - b.mean(0)).sum()
    within = np.square(again.mean(0) - b.mean(0)).sum()
    assert between > 20 * within


def test_turned_pictures_keep_their_part(place: Path) -> None:
    data = two_sides()
    turned = _sides.turned(data)
    assert len(turned.train) == 8 * 120
    assert len(turned.held_out) == 8 * 30
    assert turned.spec.count == 240
    for item, label in ((0, 0), (150, 1), (5 * 150, 5)):
        side = data.items if label < 4 else data.targets
        assert side is not None
        assert turned.labels[item] == label
        assert np.array_equal(turned.items[item], np.rot90(side[0], label % 4))


@pytest.mark.parametrize("kind", ["auto", "sides"])
def test_sides_of_other_channels_have_no_features_of_both(place: Path, kind: Kind) -> None:
    data = two_sides()
    assert data.targets is not None
    coloured = dataclasses.replace(
        data,
        spec=dataclasses.replace(data.spec, target_shape=(3, 16, 16)),
        targets=data.targets.repeat(3, axis=3),
    )
    if kind == "sides":
        with pytest.raises(UserError, match="two sides of other channels; use --features random"):
            _features.between(kind, DataOptions("two"), coloured, coloured.only_b(), None, print)
    else:
        found = _features.between(kind, DataOptions("two"), coloured, coloured.only_b(), None, print)
        assert found.name == "random"


def test_single_pictures_have_no_sides(place: Path) -> None:
    with pytest.raises(UserError, match="--features sides"):
        chosen(kind="sides")
