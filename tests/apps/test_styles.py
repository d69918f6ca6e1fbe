"""Models whose layers have codes of their own: mixed, moved in some layers, truncated, found in W and in W+."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import imaginable as im
from imaginable.apps import _design, _found, _layers
from imaginable.apps._book import Book
from imaginable.apps._codes import rate, reach
from imaginable.apps._design import Design, Mix, Move
from imaginable.apps._fillers import filler
from imaginable.apps._inverter import Inverter
from imaginable.apps.arithmetic import arithmetic
from imaginable.apps.directions import directions
from imaginable.apps.edit import edit, parse, with_moves
from imaginable.apps.info import info
from imaginable.apps.morph import morph
from imaginable.apps.sample import sample
from imaginable.cli import main
from imaginable.core.errors import UserError
from imaginable.core.types import DataSpec
from imaginable.data import images
from imaginable.latent.directions import Direction
from imaginable.methods import _storage
from imaginable.methods._method import Trained
from imaginable.methods.dcgan import Dcgan
from imaginable.model import Model

LAYERS, STYLES = 6, 12


def quiet(line: str) -> None:
    """Says nothing."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of digits at 16 pixels, trained on 64 of them; a DCGAN that has seen nothing beside it."""
    folder = tmp_path_factory.mktemp("runs")
    small = {"latents": 8, "styles": STYLES, "width": 4, "most": 8, "depth": 2}
    im.train("stylegan2", "digits", run=str(folder / "styled"), size=16, limit=80, images=64, device="cpu", **small)
    torch.manual_seed(0)
    spec, method = DataSpec("images", (1, 32, 32), count=40), Dcgan(width=4, latents=8)
    _storage.save(Trained(method, method.networks(spec, {}), spec), folder / "plain", {})
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained / "styled", tmp_path / "styled"))


@pytest.fixture
def model(run: Path) -> Model:
    return im.load(run)


@pytest.fixture(scope="module")
def plain(trained: Path) -> Model:
    return im.load(trained / "plain")


def taught(model: Model, name: str, seed: int) -> Direction:
    vector = torch.randn(model.code_shape, generator=torch.Generator().manual_seed(seed))
    return Direction(name, vector, "pointed", 0.9, "accuracy", "as told", named=True)


# ---- mixing


def test_mixing_no_layer_or_all_of_them_is_one_picture_or_the_other(model: Model) -> None:
    one, other = (_design.png(model, Design(seed=seed, label="3")) for seed in (3, 4))
    assert one != other
    pictures = [_design.render(model, Design(seed=3, label="3", mix=mix)) for mix in ((), (Mix((1, LAYERS), 4),))]
    np.testing.assert_array_equal(pictures[0], _design.render(model, Design(seed=3, label="3")))
    np.testing.assert_array_equal(pictures[1], _design.render(model, Design(seed=4, label="3")))


def test_exactly_the_layers_named_are_the_others_and_later_mixes_come_last(model: Model) -> None:
    a, b, c = (model.latents(1, seed, label="3")[0] for seed in (3, 4, 5))
    mix = (Mix((2, 5), seed=4), Mix((5, 6), code=tuple(c.flatten().tolist())))
    code = _design.code_of(model, Design(seed=3, label="3", mix=mix))
    for layer, expected in enumerate((a, b, b, b, c, c)):
        assert torch.equal(code[layer], expected[layer])


def test_truncation_is_of_the_mixed_start_and_not_of_moves(model: Model) -> None:
    step = taught(model, "a", 1)
    book = Book.of(model).add(step)
    mix, moves = (Mix((4, 6), seed=4),), (Move("a", 2.0),)
    mixed = _design.code_of(model, Design(seed=3, label="3", mix=mix))
    average = model.trained.networks.generator.average  # type: ignore[union-attr]
    expected = average + 0.5 * (mixed - average) + 2 * step.vector  # type: ignore[operator]
    found = _design.code_of(model, Design(seed=3, label="3", truncation=0.5, mix=mix, moves=moves), book)
    torch.testing.assert_close(found, expected)


# ---- moves in some layers


def test_a_move_in_layers_changes_nothing_else(model: Model) -> None:
    step = taught(model, "a", 1)
    book = Book.of(model).add(step)
    start = model.latents(1, 3, label="3")[0]
    moved = _design.code_of(model, Design(seed=3, label="3", moves=(Move("a", 2.0, layers=(3, 4)),)), book)
    assert torch.equal(moved[[0, 1, 4, 5]], start[[0, 1, 4, 5]])
    torch.testing.assert_close(moved[2:4], start[2:4] + 2 * step.vector[2:4])


def test_a_lock_holds_in_its_layers_and_what_it_turns_stays_in_its_own(model: Model) -> None:
    locked, other = taught(model, "locked", 1), taught(model, "other", 2)
    book = Book.of(model).add(locked, other)
    start = model.latents(1, 3, label="3")[0]
    moves = (Move("locked", 0.0, locked=True, layers=(1, 3)), Move("other", 2.0, layers=(3, 4)))
    change = _design.code_of(model, Design(seed=3, label="3", moves=moves), book) - start
    assert abs(float((change[:3] * locked.vector[:3]).sum())) < 1e-4
    assert change[2:4].any()
    assert not change[[0, 1, 4, 5]].any(), "the locked one acts in these, and must not bring the other there"
    torch.testing.assert_close(change[3] / change[3].norm(), other.vector[3] / other.vector[3].norm())
    apart = (Move("locked", 0.0, locked=True, layers=(1, 2)), Move("other", 2.0, layers=(3, 4)))
    free = _design.code_of(model, Design(seed=3, label="3", moves=apart), book) - start
    torch.testing.assert_close(free[2:4], 2 * other.vector[2:4], msg="a lock in other layers costs nothing")


def test_layers_come_after_the_amount() -> None:
    assert parse("NAME=+2:3-6") == Move("NAME", 2.0, layers=(3, 6))
    assert parse("accessory: hat=-1:4") == Move("accessory: hat", -1.0, layers=(4, 4))
    assert parse("accessory: hat=0.5") == Move("accessory: hat", 0.5)
    again = with_moves(Design(moves=(Move("a", 1.0, layers=(3, 6)),)), [parse("a=+1"), parse("a=+1:3-6")], ())
    assert again.moves == (Move("a", 3.0, layers=(3, 6)),)
    with pytest.raises(UserError, match="in other layers"):
        with_moves(again, [parse("a=+1:1-2")], ())


@pytest.mark.parametrize("layers", ["", "x", "3-", "0-2", "5-3", "1-2-3", "-1"])
def test_what_are_no_layers(layers: str) -> None:
    with pytest.raises(UserError, match="--move a=1:"):
        parse(f"a=1:{layers}")


# ---- recipes


def test_a_recipe_makes_the_same_bytes_again_without_seeds_or_directions(run: Path, tmp_path: Path) -> None:
    Book.of(im.load(run)).add(taught(im.load(run), "a", 1), taught(im.load(run), "b", 2))
    first = edit(
        run,
        ["3"],
        move=("a=+2:3-6", "b=-0.3"),
        lock=("b",),
        mix=("4:5-6", "7:1"),
        label="3",
        truncation=0.7,
        strip="a",
        out=tmp_path / "a.png",
        say=quiet,
    )
    kept = json.loads((tmp_path / "a.json").read_text())
    assert [one["layers"] for one in kept["mix"]] == [[5, 6], [1, 1]]
    assert [one["start"]["seed"] for one in kept["mix"]] == [4, 7]
    assert kept["moves"][0]["layers"] == [3, 6]
    assert "layers" not in kept["moves"][1]
    Book.of(im.load(run)).remove("a").remove("b")
    for one in kept["mix"]:
        del one["start"]["seed"]  # the codes are in it
    (tmp_path / "alone.json").write_text(json.dumps(kept))
    model = im.load(run)
    alone = _design.load_recipe(tmp_path / "alone.json", model)
    np.testing.assert_array_equal(_design.render(model, alone), np.asarray(Image.open(first)).reshape(16, 16, -1))
    second = edit(run, recipe=first, out=tmp_path / "b.png", say=quiet)
    assert second.read_bytes() == first.read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_design_without_mix_and_layers_is_written_as_before(model: Model) -> None:
    book = Book.of(model).add(taught(model, "a", 1))
    content = _design.recipe(model, Design(seed=3, label="3", moves=(Move("a", 1.0),)), book)
    assert list(content) == ["format", "model", "method", "run", "start", "label", "truncation", "moves"]
    assert list(content["moves"][0]) == ["name", "amount", "locked", "vector"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"mix": {}}, "mix is"),
        ({"mix": [3]}, "an object"),
        ({"mix": [{"start": {"seed": 1}}]}, "layers is missing"),
        ({"mix": [{"layers": [1, 2]}]}, "start is missing"),
        ({"mix": [{"layers": [1, 2], "start": {}}]}, "a seed or a code"),
        ({"mix": [{"layers": [1, 7], "start": {"seed": 1}}]}, "mix 1: layers 1-7: those of this model go from 1 to 6"),
        ({"mix": [{"layers": [3, 2], "start": {"seed": 1}}]}, "the first comes first"),
        ({"mix": [{"layers": [0, 2], "start": {"seed": 1}}]}, "counted from 1"),
        ({"mix": [{"layers": [1.5, 2], "start": {"seed": 1}}]}, "a first and a last one"),
        ({"mix": [{"layers": [1], "start": {"seed": 1}}]}, "a first and a last one"),
        ({"mix": [{"layers": "1-2", "start": {"seed": 1}}]}, "a list of numbers"),
        ({"mix": [{"layers": [1, 2], "start": {"code": [1, 2]}}]}, "the code of mix 1 has 2 numbers"),
        ({"moves": [{"name": "a", "amount": 1, "layers": [1, 9]}]}, "'a': layers 1-9: those of this model"),
        ({"moves": [{"name": "a", "amount": 1, "layers": []}]}, "a first and a last one"),
    ],
)
def test_nonsense_in_a_recipe_is_one_line(
    run: Path, changed: dict[str, object], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(_design.recipe(im.load(run), Design(seed=1)) | changed))
    assert main(["edit", str(run), "--recipe", str(path), "--out", str(tmp_path / "x.png")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["edit", "--mix", "4:1-2"],
        ["edit", "--move", "a=1:1-2"],
        ["sample", "--mixing-sheet", "1-2"],
        ["directions", "find", "factorised", "--layers", "1-2"],
    ],
)
def test_other_models_have_no_layers(
    plain: Model, trained: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([words[0], str(trained / "plain"), *words[1:]]) == 2
    error = capsys.readouterr().err
    assert "dcgan has no layers with codes of their own" in error
    assert error.count("\n") == 1


def test_mixes_on_the_command_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, other = tmp_path / "x.png", tmp_path / "other.json"
    assert main(["edit", str(run), "4", "--out", str(tmp_path / "other.png")]) == 0
    words = ["edit", str(run), "3", "--mix", f"{other}:2-3", "--mix", "5:6", "--out", str(out)]
    assert main(words) == 0
    design = _design.load_recipe(out, im.load(run))
    assert [(one.layers, one.seed) for one in design.mix] == [((2, 3), None), ((6, 6), 5)]
    a, b = (im.load(run).latents(1, seed, label="0")[0] for seed in (3, 4))
    code = _design.code_of(im.load(run), design)
    assert torch.equal(code[1:3], b[1:3])
    assert torch.equal(code[3:5], a[3:5])
    for wrong, said in (("4", "a seed or picture and layers"), (":1-2", "a seed or picture"), ("4:1-9", "from 1 to 6")):
        capsys.readouterr()
        assert main(["edit", str(run), "--mix", wrong]) == 2
        assert said in capsys.readouterr().err


# ---- directions


def test_factors_are_eigenvectors_of_all_affines_or_of_the_layers_asked_for(run: Path, model: Model) -> None:
    codes = _found.spread(model, run)[:, 0].numpy()
    weights = [one.detach().numpy() for one in model.method.affines(model.trained.networks)]  # type: ignore[attr-defined]
    for layers, name in ((None, "factor 1"), ((3, 4), "factor 1 of layers 3-4")):
        first, last = layers or (1, LAYERS)
        a = np.concatenate(weights[first - 1 : last])
        values, vectors = np.linalg.eigh(a.T @ a)
        words = ["find", "factorised"]
        found = directions(run, words, count=2, layers=f"{first}-{last}" if layers else None, say=quiet)
        one = next(one for one in found if one.name == name)
        inside = one.vector[first - 1 : last]
        assert torch.equal(inside, inside[:1].expand_as(inside))
        assert int(one.vector.any(1).sum()) == last - first + 1, "nothing in the other layers"
        np.testing.assert_allclose(abs(inside[0].numpy() @ vectors[:, -1]), (codes @ vectors[:, -1]).std(), rtol=1e-3)
        assert float(re.findall(r"eigenvalue (\S+)", one.about)[0]) == pytest.approx(values[-1], rel=0.01)


def test_components_are_of_w_the_same_in_all_layers_and_one_deviation_long(run: Path, model: Model) -> None:
    found = directions(run, ["find", "principal"], count=3, say=quiet)
    codes = _found.spread(model, run)[:, 0].numpy()
    strength = np.linalg.svd(codes - codes.mean(0), compute_uv=False) / np.sqrt(len(codes))
    for one, expected in zip(found, strength, strict=False):
        assert torch.equal(one.vector, one.vector[:1].expand(LAYERS, -1))
        assert float(one.vector[0].norm()) == pytest.approx(float(expected), rel=1e-3)


@pytest.mark.parametrize("how", ["layer", "dimensions"])
def test_what_makes_no_sense_of_styles_is_refused(run: Path, how: str) -> None:
    with pytest.raises(UserError, match=f"find {how}: .*principal"):
        directions(run, ["find", how], say=quiet)


def test_labels_and_pointing_teach_what_works_on_codes_of_all_layers(run: Path, model: Model) -> None:
    directions(run, ["teach", "mine"], most=(1, 2, 3), least=(4, 5, 6), label="3", say=quiet)
    found = directions(run, ["find", "labels"], layers="2-3", say=quiet)
    told = [one for one in found if one.kind == "supervised"]
    assert told  # of the words that are said of some of its pictures
    assert {one.name for one in told} <= {f"{digit} of layers 2-3" for digit in range(10)}
    for one in told:
        assert one.vector.shape == model.code_shape
        assert not one.vector[[0, 3, 4, 5]].any()
    assert next(one for one in found if one.name == "mine").vector.any(1).all()
    with pytest.raises(UserError, match="it is of find"):
        directions(run, ["teach", "mine"], most=(1,), least=(2,), layers="2-3", say=quiet)


# ---- inversion


def test_plausible_is_near_the_average_of_styles_and_steps_are_as_long_as_they_vary(model: Model, plain: Model) -> None:
    draws = model.latents(64, 1, label=model.in_turn(64))
    average = model.trained.networks.generator.average.clone()  # type: ignore[union-attr, operator]
    assert torch.equal(reach(model, draws).middle, average)  # type: ignore[arg-type]
    assert rate(model, draws) == pytest.approx(0.1 * float((draws - average).square().mean().sqrt()))
    z = plain.latents(64, 1)
    assert reach(plain, z).middle is None
    assert reach(plain, z).length == float(z.norm(dim=1).quantile(0.95))
    assert rate(plain, 3 * z) == rate(plain, None) == 0.1


def test_own_pictures_are_found_in_w_and_nearer_in_w_plus(run: Path, model: Model) -> None:
    inverter = Inverter.of(model, run, quiet, images=512, on_progress=lambda seen, total: None)
    z = model.latents(4, 7, label=model.in_turn(4))
    z = z.clone()
    z[:, 3:] = model.latents(4, 8, label=model.in_turn(4))[:, 3:]  # which one code for all layers cannot make
    x = model.decode_tensor(z)
    within = inverter.invert(x, steps=40, starts=2, space="w")
    each = inverter.invert(x, steps=40, starts=2)
    assert torch.equal(within.code, within.code[:, :1].expand_as(within.code))
    assert not torch.equal(each.code, each.code[:, :1].expand_as(each.code))
    assert float(each.error.mean()) < float(within.error.mean())
    for found in (within, each):
        assert bool((found.error <= found.error_before).all())
        torch.testing.assert_close(found.refined, model.decode_tensor(found.code))
        assert found.label is None, "a class is in the styles already"


def test_the_space_is_said_and_the_yardstick_is_of_it(
    run: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images.save(tmp_path / "own.png", im.load(run).decode_array(im.load(run).latents(1, 5))[0], None)
    words = [str(tmp_path / "own.png"), "--steps", "2", "--starts", "2", "--images", "64"]
    for space, said in (("w", "yardstick in W, one code"), ("w+", "yardstick in W+, a code for each layer")):
        assert main(["invert", str(run), *words, "--space", space, "--out", str(tmp_path / space)]) == 0
        assert said in capsys.readouterr().out
        assert json.loads((run / "inverter" / "yardstick.json").read_text())["of"]["space"] == space
    codes = np.load(tmp_path / "w" / "codes.npz")["codes"]
    assert codes.shape == (1, LAYERS, STYLES)
    assert main(["edit", str(run), "--recipe", str(tmp_path / "w+" / "own.json"), "--mix", "4:5-6"]) == 0
    capsys.readouterr()
    assert main(["invert", str(trained / "plain"), *words, "--space", "w"]) == 2
    assert "dcgan has no layers with codes of their own" in capsys.readouterr().err
    assert not (trained / "plain" / "inverter").exists(), "refused before an encoder is trained"


def test_holes_are_filled_by_codes(model: Model) -> None:
    x = model.decode_tensor(model.latents(1, 5, label="2"))
    hole = torch.zeros(1, 1, 16, 16)
    hole[..., 4:12, 4:12] = 1
    filled = filler(model, steps=5)(x, hole)
    assert torch.equal(filled[(hole < 0.5).expand_as(x)], x[(hole < 0.5).expand_as(x)])
    assert torch.isfinite(filled).all()


# ---- the verbs


def test_a_sheet_of_mixed_samples(run: Path, model: Model, tmp_path: Path) -> None:
    sample(run, n=4, seed=2, label="3", mixing_sheet="4-6", out=tmp_path, say=quiet)
    cells = images.cut(np.asarray(Image.open(tmp_path / "mixing.png"))[..., None], 16, 16)
    z = model.latents(4, 2, label="3")
    expected = [*model.decode_array(z[2:]), *model.decode_array(z[:2])]
    for at, one in zip((1, 2, 3, 6), expected, strict=True):
        assert np.abs(cells[at].astype(int).reshape(one.shape) - one).max() <= 1
    crossed = torch.cat([z[1, :3], z[2, 3:]])[None]
    assert np.abs(cells[7].astype(int).reshape(16, 16, -1) - model.decode_array(crossed)[0]).max() <= 1


def test_truncated_samples_are_those_of_codes_nearer_to_the_average(run: Path, model: Model, tmp_path: Path) -> None:
    sample(run, n=2, seed=2, label="3", truncation=0.5, grid=False, out=tmp_path, say=quiet)
    shown = np.asarray(Image.open(tmp_path / "seed2-00000.png")).reshape(16, 16, -1)
    expected = model.decode_array(model.latents(2, 2, label="3", truncation=0.5))[0]
    np.testing.assert_array_equal(shown, expected)


def test_a_morph_is_straight_and_sums_are_shown(run: Path, model: Model, tmp_path: Path) -> None:
    strip = np.asarray(Image.open(morph(run, ["1", "2"], out=tmp_path / "strip.png", say=quiet)))
    a, b = (model.latents(1, seed)[0] for seed in (1, 2))
    middle = model.decode_array((a + (b - a) * 3 / 7)[None])[0]
    cells = images.cut(strip[..., None], 16, 16)
    assert len(cells) == 8
    assert np.abs(cells[3].astype(int).reshape(middle.shape) - middle).max() <= 1
    assert arithmetic(run, ["1", "-", "2", "+", "3"], out=tmp_path / "sum.png", say=quiet).exists()


def test_info_says_what_its_codes_are(run: Path, plain: Model, trained: Path) -> None:
    said: list[str] = []
    info(run, say=said.append)
    assert any(line.startswith("codes: 6 layers x 12 styles") for line in said)
    said.clear()
    info(trained / "plain", say=said.append)
    assert not any("layers x" in line for line in said)


def test_any_model_has_all_of_its_layers(plain: Model) -> None:
    _layers.checked(plain, None, "nothing asked")
    with pytest.raises(UserError, match="here: dcgan has no layers"):
        _layers.checked(plain, (1, 1), "here")
