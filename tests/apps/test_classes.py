"""Classes all the way: a model whose every class is one grey value, asked through all doors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from imaginable.cli import main
from imaginable.core.errors import UserError
from imaginable.core.types import DataSpec
from imaginable.data import images
from imaginable.data.dataset import Dataset
from imaginable.methods._method import Trained
from imaginable.methods.conditional_vae import ConditionalNetworks, ConditionalVae
from imaginable.methods.vae import Vae
from imaginable.model import Model
from imaginable.training import snapshot
from imaginable.training.job import Job
from imaginable.training.run import Run
from imaginable.training.state import State

SPEC = DataSpec("images", (1, 16, 16), classes=("ankle boot", "bag", "coat"), count=10)
GREYS = (40, 90, 200)
UNKNOWN = 128
SIDE, GAP = 16, 2
METHOD = ConditionalVae(latents=4, network="mlp", hidden=8)


@torch.no_grad()
def reveal(nets: Any) -> None:
    """Pictures are one grey, that of their class, a little lighter or darker by the code's first number; codes'
    first number is the class that the encoder was told, 0.1 a class."""
    assert isinstance(nets, ConditionalNetworks)
    classes, latents = len(nets.autoencoder.templates), METHOD.latents
    for parameter in nets.parameters():
        parameter.zero_()
    first, last = nets.autoencoder.decoder.layers[0], nets.autoencoder.decoder.layers[-1]  # type: ignore[index,union-attr]
    for number in range(classes):
        first.weight[number, latents + number] = 20.0  # tanh: 1
        last.weight[:, number] = GREYS[number] / 127.5 - 1
    first.weight[classes, 0] = 1.0
    last.weight[:, classes] = 0.1
    for number in range(classes):
        nets.autoencoder.templates[number] = 0.1 * number
    into, out = nets.autoencoder.encoder.layers[0], nets.autoencoder.encoder.layers[-1]  # type: ignore[index,union-attr]
    into.weight[0] = 0.01 / nets.autoencoder.templates[0].numel()
    out.weight[0, 0] = 100.0


@pytest.fixture
def model() -> Model:
    nets = METHOD.networks(SPEC, {}).eval()
    reveal(nets)
    return Model(Trained(METHOD, nets, SPEC), {})


@pytest.fixture
def run(model: Model, tmp_path: Path) -> Path:
    model.save(tmp_path / "run" / "model")
    return tmp_path / "run"


def greys(pictures: list[Image.Image]) -> list[int]:
    """The class's grey nearest to each picture, or that of an unknown class."""
    return [nearest(np.asarray(picture).mean()) for picture in pictures]


def nearest(value: float) -> int:
    return min((*GREYS, UNKNOWN, images.PAPER), key=lambda grey: abs(grey - value))


def cells(path: Path, rows: int, columns: int) -> list[list[int]]:
    """Greys of a sheet, row by row."""
    page = np.asarray(Image.open(path))
    assert page.shape[:2] == (rows * (SIDE + GAP) + GAP, columns * (SIDE + GAP) + GAP)
    return [[nearest(page[cell(row), cell(column)].mean()) for column in range(columns)] for row in range(rows)]


def cell(number: int) -> slice:
    return slice(GAP + number * (SIDE + GAP), GAP + number * (SIDE + GAP) + SIDE)


# ---- in Python


@pytest.fixture(autouse=True)
def quiet_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes so small that greys stay near those of their class."""
    whole = ConditionalVae.prior
    monkeypatch.setattr(ConditionalVae, "prior", lambda *given, **named: 0.2 * whole(*given, **named))


def test_samples_without_a_label_take_all_classes_in_turn(model: Model) -> None:
    assert greys(model.sample(7)) == [GREYS[number % 3] for number in range(7)]
    assert greys(model.sample(150)) == [GREYS[number % 3] for number in range(150)], "more than a block"


@pytest.mark.parametrize("label", ["bag", 1, torch.tensor([1] * 4), ["bag", 1, "bag", 1], np.array([1] * 4)])
def test_a_class_is_named_or_numbered_for_all_or_for_each(model: Model, label: Any) -> None:
    assert greys(model.sample(4, label=label)) == [GREYS[1]] * 4


def test_each_item_may_have_its_own_class_or_none(model: Model) -> None:
    assert greys(model.decode(torch.zeros(4, 4), ["coat", None, "ankle boot", -1])) == [
        GREYS[2],
        UNKNOWN,
        GREYS[0],
        UNKNOWN,
    ]


def test_codes_and_pictures_at_hand_are_of_unknown_class_without_a_label(model: Model) -> None:
    pictures = np.full((2, 16, 16, 1), UNKNOWN, np.uint8)
    assert greys(model.decode(model.latents(3))) == [UNKNOWN] * 3
    assert greys(model.reconstruct(pictures)) == [UNKNOWN] * 2
    assert greys(model.reconstruct(pictures, label=["coat", "bag"])) == [GREYS[2], GREYS[1]]


def test_the_encoder_is_told_the_class(model: Model) -> None:
    pictures = images.to_uint8(torch.zeros(3, 1, 16, 16))
    base = model.encode(pictures)[:, 0]
    np.testing.assert_allclose(model.encode(pictures, label=[0, 1, 2])[:, 0] - base, [0, 0.1, 0.2], atol=1e-3)


def test_a_fitted_prior_is_one_of_codes_with_their_class(model: Model) -> None:
    pictures = images.to_uint8(torch.zeros(8, 1, 16, 16))
    fitted = model.fit_prior(pictures, label="coat").fitted
    assert fitted is not None
    expected = float(model.encode(pictures, label="coat")[0, 0])
    assert float(fitted.means[0, 0]) == pytest.approx(expected, abs=1e-5)
    assert abs(expected - float(model.encode(pictures)[0, 0])) > 0.1


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("bug", r"did you mean 'bag'\? \(classes: ankle boot, bag, coat\)"),
        (3, r"label 3: no such class"),
        (-2, r"label -2: no such class"),
        (["bag"], "1 labels for 2 items"),
    ],
)
def test_what_is_no_class_is_refused(model: Model, label: Any, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        model.sample(2, label=label)


def test_a_method_that_was_not_told_the_classes_refuses_one() -> None:
    method = Vae(latents=4, network="mlp", hidden=8)
    plain = Model(Trained(method, method.networks(SPEC, {}).eval(), SPEC), {})
    assert plain.classes == ()
    assert len(plain.sample(3)) == 3
    for call in (plain.sample, plain.latents):
        with pytest.raises(UserError, match="vae was not told the classes"):
            call(2, label="bag")


# ---- on the command line


def test_a_sheet_of_samples_has_a_class_to_a_row(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(run), "-n", "7", "--out", str(tmp_path / "out")]) == 0
    a, b, c = GREYS
    assert cells(tmp_path / "out" / "grid.png", 3, 3) == [[a, a, a], [b, b, images.PAPER], [c, c, images.PAPER]]
    singles = [Image.open(tmp_path / "out" / f"seed0-{number:05d}.png") for number in range(7)]
    assert greys(singles) == [a, b, c, a, b, c, a]  # type: ignore[arg-type]
    assert "ankle boot, bag, coat" in capsys.readouterr().out


def test_a_sheet_of_one_class(run: Path, tmp_path: Path) -> None:
    assert main(["sample", str(run), "-n", "4", "--label", "bag", "--out", str(tmp_path / "out")]) == 0
    assert cells(tmp_path / "out" / "grid.png", 2, 2) == [[GREYS[1]] * 2] * 2


def test_an_unknown_class_gets_one_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(run), "--label", "cot", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "did you mean 'coat'" in said
    assert "ankle boot, bag, coat" in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_reconstruct_tells_the_model_the_folders_it_knows(run: Path, tmp_path: Path) -> None:
    for folder in ("bag", "coat", "umbrella"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        Image.fromarray(np.full((16, 16), UNKNOWN, np.uint8)).save(tmp_path / "photos" / folder / "a.png")
    assert main(["reconstruct", str(run), str(tmp_path / "photos"), "--out", str(tmp_path / "out")]) == 0
    rebuilt = [Image.open(tmp_path / "out" / folder / "a.png") for folder in ("bag", "coat", "umbrella")]
    assert greys(rebuilt) == [GREYS[1], GREYS[2], UNKNOWN]  # type: ignore[arg-type]


# ---- while it trains


def test_snapshots_have_a_class_to_a_row_the_same_noise_in_a_column_and_true_classes_in_reconstructions(
    tiny_dataset: Callable[[str], Dataset], tiny_job: Callable[..., Job[Any]], tmp_path: Path
) -> None:
    dataset, job = tiny_dataset("images"), tiny_job(ConditionalVae, tmp_path / "run")
    state = State(Job(METHOD, job.data, job.training, job.run), dataset.spec)
    reveal(state.averages.networks)
    shown = snapshot.take(state, dataset, Run(job.folder))
    assert shown is not None
    page = np.asarray(Image.open(shown))[..., 0].astype(int)
    step = 32 + GAP
    assert page.shape == (2 * step + GAP, snapshot.COLUMNS * step + GAP)
    values = page[GAP + 16 :: step, GAP + 16 :: step]
    assert [[nearest(one) for one in row] for row in values] == [[grey] * snapshot.COLUMNS for grey in GREYS[:2]]
    assert len(np.unique(values[0])) > 1
    np.testing.assert_allclose(np.diff(values, axis=0), GREYS[1] - GREYS[0], atol=1.01)  # rounding

    pairs = np.asarray(Image.open(next(Run(job.folder).samples.glob("reconstructions-*"))))[..., 0].astype(int)
    rebuilt = pairs[34 + 1 + 16, 1 + 16 :: 33][: len(dataset.held_out)]
    labels = dataset.labels[dataset.held_out]
    assert [nearest(one) for one in rebuilt] == [GREYS[label] for label in labels]
