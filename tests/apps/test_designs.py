"""Designs and directions as a person uses them: moved, locked, kept, made again byte for byte, refused with a line."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import imaginable as im
from imaginable.apps import _book, _design
from imaginable.apps._book import Book
from imaginable.apps._design import Design, Move
from imaginable.apps._json import Reader
from imaginable.apps.arithmetic import arithmetic
from imaginable.apps.directions import directions
from imaginable.apps.edit import edit
from imaginable.apps.morph import morph
from imaginable.cli import main
from imaginable.core.errors import UserError
from imaginable.latent.directions import Direction
from imaginable.model import Model


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VAE and a GAN of sneakers, hardly trained, and another VAE."""
    folder = tmp_path_factory.mktemp("runs")
    for name, method, seed in (("vae", "vae", 0), ("other", "vae", 1), ("gan", "dcgan", 0)):
        settings = {"size": 32, "limit": 60, "images": 64, "width": 8, "latents": 6, "batch": 16, "device": "cpu"}
        im.train(method, "sneakers", run=str(folder / name), seed=seed, **settings)
    return folder


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "runs"))


@pytest.fixture
def model(runs: Path) -> Model:
    return im.load(runs / "vae")


def direction(model: Model, name: str, seed: int = 0, named: bool = True) -> Direction:
    vector = torch.randn(model.code_shape, generator=torch.Generator().manual_seed(seed))
    return Direction(name, vector, "pointed", 0.9, "accuracy", "as told", named)


def quiet(line: str) -> None:
    """Says nothing."""


# ---- the book


def test_directions_are_there_again_named_ones_first(model: Model) -> None:
    found, own = direction(model, "component 1", 1, named=False), direction(model, "größere Sohle", 2)
    Book.of(model).add(found).add(own)
    again = Book.of(model).directions
    assert [one.name for one in again] == ["größere Sohle", "component 1"]
    for one, before in zip(again, (own, found), strict=True):
        assert torch.equal(one.vector, before.vector)
        assert dataclasses.replace(one, vector=before.vector) == before


def test_renamed_removed_and_replaced(model: Model) -> None:
    book = Book.of(model).add(direction(model, "a", 1, named=False), direction(model, "b", 2))
    book = book.rename("a", "sole").remove("b").add(direction(model, "sole", 7))
    assert [(one.name, one.named) for one in Book.of(model).directions] == [("sole", True)]
    assert torch.equal(Book.of(model).get("sole").vector, direction(model, "x", 7).vector)
    with pytest.raises(UserError, match="did you mean 'sole'"):
        book.get("soles")
    with pytest.raises(UserError, match="already"):
        book.add(direction(model, "c")).rename("c", "sole")


def test_a_kill_between_the_two_files_loses_nothing(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    Book.of(model).add(direction(model, "a", 1), direction(model, "b", 2))
    with monkeypatch.context() as patch:
        patch.setattr(_book.files, "write_text", _dies)
        with pytest.raises(KeyboardInterrupt):
            Book.of(model).remove("a").add(direction(model, "c", 3))
    assert [one.name for one in Book.of(model).directions] == ["a", "b"]


def _dies(*_: object) -> None:
    raise KeyboardInterrupt


def test_directions_of_other_weights_are_not_used(runs: Path, model: Model) -> None:
    Book.of(model).add(direction(model, "a"))
    for kept in (runs / "vae/model").glob("directions.*"):
        shutil.copy(kept, runs / "other/model" / kept.name)
    book = Book.of(im.load(runs / "other"))
    assert book.directions == ()
    assert "1 directions were made for earlier weights" in book.stale


@pytest.mark.parametrize("name", ["", "  ", "a=b", "x" * 61, "bell\a", "line\nbreak" * 9])
def test_names_no_list_could_show(name: str) -> None:
    with pytest.raises(UserError, match="printable"):
        _book.checked_name(name)


def test_a_direction_as_a_file_and_one_of_another_size(runs: Path, model: Model, tmp_path: Path) -> None:
    path = tmp_path / "sole.json"
    path.write_text(_book.exported(direction(model, "sole", 4), _book.fingerprint(model)))
    assert torch.equal(_book.imported(path, model).vector, direction(model, "", 4).vector)
    with pytest.raises(UserError, match="of other weights"):
        _book.imported(path, im.load(runs / "other"))
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"vector": content["vector"][:-1]}))
    with pytest.raises(UserError, match=r"vector has 5 numbers, and this model's codes have 6"):
        _book.imported(path, model)
    with pytest.raises(UserError, match=r"made for codes of shape \(3,\)"):
        Book.of(model).add(dataclasses.replace(direction(model, "a"), vector=torch.zeros(3)))


def test_damaged_files_are_named(runs: Path, model: Model) -> None:
    Book.of(model).add(direction(model, "a"))
    (runs / "vae/model/directions.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"directions\.safetensors: damaged"):
        Book.of(model)
    (runs / "vae/model/directions.json").write_text("{")
    with pytest.raises(UserError, match=r"directions\.json: not readable as JSON"):
        Book.of(model)


# ---- designs


def test_a_design_is_its_start_and_its_moves(model: Model) -> None:
    a, b = direction(model, "a", 1), direction(model, "b", 2)
    book = Book.of(model).add(a, b)
    moved = Design(seed=3, moves=(Move("a", 2.0), Move("b", -1.0)))
    expected = model.latents(1, 3)[0] + 2 * a.vector - b.vector
    torch.testing.assert_close(_design.code_of(model, moved, book), expected)


def test_a_lock_keeps_what_it_stands_for_and_its_own_slider_moves(model: Model) -> None:
    a, b = direction(model, "a", 1), direction(model, "b", 2)
    book = Book.of(model).add(a, b)
    start = model.latents(1, 3)[0]
    only_b = _design.code_of(model, Design(seed=3, moves=(Move("a", 0.0, locked=True), Move("b", 2.0))), book)
    assert abs(float((only_b - start) @ a.vector)) < 1e-4
    assert float((only_b - start) @ b.vector) > 0.1
    only_a = _design.code_of(model, Design(seed=3, moves=(Move("a", 2.0, locked=True),)), book)
    torch.testing.assert_close(only_a, start + 2 * a.vector)


def test_an_edit_and_its_inverse_are_the_same_picture(model: Model) -> None:
    book = Book.of(model).add(direction(model, "a", 1))
    plain = _design.render(model, Design(seed=3), book)
    there = Design(seed=3, moves=(Move("a", 2.5),))
    assert (_design.render(model, there, book) != plain).any()
    code = tuple(_design.code_of(model, there, book).tolist())
    back = _design.render(model, Design(code=code, moves=(Move("a", -2.5),)), book)
    np.testing.assert_array_equal(back, plain)


@pytest.mark.parametrize("name", ["vae", "gan"])
def test_a_recipe_makes_the_same_bytes_again(runs: Path, name: str, tmp_path: Path) -> None:
    run = runs / name
    Book.of(im.load(run)).add(direction(im.load(run), "sole height", 1), direction(im.load(run), "b", 2))
    moves = ("sole height=+2", "b=-0.3")
    first = edit(run, seed=5, move=moves, lock=("b",), strip="b", out=tmp_path / "a.png", say=quiet)
    Book.of(im.load(run)).remove("b")  # a recipe stands alone
    second = edit(run, recipe=tmp_path / "a.json", out=tmp_path / "b.png", say=quiet)
    third = edit(run, recipe=first, out=tmp_path / "c.png", say=quiet)
    assert first.read_bytes() == second.read_bytes() == third.read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    with Image.open(first) as image:
        assert "Synthetic image" in image.text["Description"]  # type: ignore[attr-defined]
        assert f"{name} ({name}), seed 5" in image.text["Description"] or "seed 5" in image.text["Description"]  # type: ignore[attr-defined]
    assert np.asarray(Image.open(tmp_path / "a-strip.png")).shape[1] > 7 * 32


def test_a_photo_can_be_where_an_edit_starts(runs: Path, model: Model, tmp_path: Path) -> None:
    Book.of(model).add(direction(model, "a", 1))
    photo = tmp_path / "mine.png"
    model.sample(1, seed=8)[0].save(photo)
    out = edit(runs / "vae", [str(photo)], move=("a=+1",), out=tmp_path / "x.png", say=quiet)
    recipe = json.loads(out.with_suffix(".json").read_text())
    np.testing.assert_allclose(recipe["start"]["code"], model.encode([photo])[0], rtol=1e-5)
    assert "seed" not in recipe["start"]


def test_recipes_are_stops_of_a_morph_and_terms_of_a_sum(runs: Path, model: Model, tmp_path: Path) -> None:
    Book.of(model).add(direction(model, "a", 1))
    for name, seed in (("one", 1), ("two", 2)):
        edit(runs / "vae", seed=seed, move=("a=+1",), out=tmp_path / f"{name}.png", say=quiet)
    stops = [str(tmp_path / "one.json"), str(tmp_path / "two.json")]
    strip = np.asarray(Image.open(morph(runs / "vae", stops, out=tmp_path / "strip.png", say=quiet)))
    first, last = (np.asarray(Image.open(tmp_path / f"{name}.png")).astype(int) for name in ("one", "two"))
    assert abs(strip[2:34, 2:34] - first).max() <= 1, "decoded among others, the last bit may differ"
    assert abs(strip[2:34, -34:-2] - last).max() <= 1
    arithmetic(runs / "vae", [stops[0], "-", stops[1], "+", "5"], out=tmp_path / "sum.png", say=quiet)
    with pytest.raises(UserError, match="of another model"):
        morph(runs / "other", stops, out=tmp_path / "x.png", say=quiet)


def spoiled(recipe: dict[str, object], key: str, value: object) -> dict[str, object]:
    return {k: v for k, v in recipe.items() if k != key} if value is None else recipe | {key: value}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("format", 2, "no recipe of format 1"),
        ("model", "0" * 64, "a recipe of another model"),
        ("model", 7, "model is '7', and a text was expected"),
        ("start", None, "start is missing"),
        ("start", {}, "a seed or a code"),
        ("start", {"seed": -1}, "whole number"),
        ("start", {"seed": True}, "whole number"),
        ("start", {"code": [1, 2]}, "has 2 numbers, and this model's codes have 6"),
        ("start", {"code": ["x"] * 6}, "a list of numbers"),
        ("start", {"code": [1e300] * 6}, "a list of numbers"),
        ("start", [], "an object"),
        ("moves", {}, "a list"),
        ("moves", [3], "an object"),
        ("moves", [{"name": "a", "amount": "two"}], "amount is 'two'"),
        ("moves", [{"name": "a", "amount": 101}], "at most 100"),
        ("moves", [{"name": "a", "amount": 1, "locked": "yes"}], "true or false"),
        ("moves", [{"name": "a", "amount": 1}, {"name": "a", "amount": 1}], "twice"),
        ("moves", [{"name": "nobody", "amount": 1}], "knows none of that name"),
        ("truncation", -1, "above 0"),
        ("label", "shoe", "was not told the classes"),
    ],
)
def test_a_recipe_edited_to_nonsense_is_one_line(
    model: Model, key: str, value: object, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = _design.recipe(model, Design(seed=1))
    path = tmp_path / "r.json"
    path.write_text(json.dumps(spoiled(recipe, key, value)))
    assert model.folder is not None
    assert main(["edit", str(model.folder.parent), "--recipe", str(path), "--out", str(tmp_path / "x.png")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") <= 2
    assert not (tmp_path / "x.png").exists()


def test_not_a_number_in_a_recipe(model: Model) -> None:
    text = json.dumps(_design.recipe(model, Design(seed=1)) | {"truncation": float("nan")})
    with pytest.raises(UserError, match="a number was expected"):
        _design.read_recipe(Reader.of_text(text, "r.json"), model)


def test_json_that_is_none(tmp_path: Path) -> None:
    for content in (b"[" * 100_000, b"\xff\xfe", b"", b"[1]"):
        with pytest.raises(UserError, match=r"r\.json"):
            Reader.of_text(content, "r.json")
    with pytest.raises(UserError, match="cannot be read"):
        Reader.of_file(tmp_path / "none.json")


def test_truncation_is_for_a_normal_prior(runs: Path) -> None:
    gan = im.load(runs / "gan")
    code = _design.code_of(gan, Design(seed=1, truncation=0.5))
    assert float(code.abs().max()) <= 0.5
    fitted = im.load(runs / "vae").fit_prior(
        np.zeros((40, 32, 32, 3), np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None, None]
    )
    with pytest.raises(UserError, match="truncation is of a normal prior"):
        _design.code_of(fitted, Design(seed=1, truncation=0.5))


# ---- the verbs


@pytest.mark.parametrize("name", ["vae", "gan"])
@pytest.mark.parametrize("how", ["principal", "layer", "factorised", "dimensions"])
def test_found_directions_move_the_picture_by_one_deviation(runs: Path, name: str, how: str) -> None:
    run = runs / name
    found = directions(run, ["find", how], count=3, say=quiet)
    assert len(found) == 3
    model = im.load(run)
    plain = model.decode_tensor(model.latents(1, 1))
    for one in Book.of(model).directions:
        assert 0 <= one.confidence <= 1
        assert (model.decode_tensor(model.latents(1, 1) + one.vector) != plain).any()


def test_found_ones_do_not_push_named_ones_out(runs: Path) -> None:
    directions(runs / "vae", ["find", "principal"], count=2, say=quiet)
    directions(runs / "vae", ["rename", "component 1", "sole"], say=quiet)
    again = directions(runs / "vae", ["find", "principal"], count=2, say=quiet)
    assert [one.name for one in again] == ["sole", "component 1", "component 2"]


def test_what_labels_say_does_not_replace_what_a_person_taught(runs: Path) -> None:
    run, said = runs / "vae", list[str]()
    directions(run, ["teach", "lightness"], most=(1, 2, 3), least=(4, 5, 6), say=quiet)
    found = directions(run, ["find", "labels"], say=said.append)
    assert next(one for one in found if one.name == "lightness").kind == "pointed"
    assert any("lightness" in line and "kept as it was taught" in line for line in said)


def test_a_vae_s_dimensions_come_by_kl(runs: Path) -> None:
    found = directions(runs / "vae", ["find", "dimensions"], count=6, say=quiet)
    nats = [float(one.about.split(", ")[1].split(" nats")[0]) for one in found]
    assert nats == sorted(nats, reverse=True)
    assert all(int((one.vector != 0).sum()) <= 1 for one in found)


@pytest.mark.parametrize("name", ["vae", "gan"])
def test_factors_teach_sliders_with_and_without_an_encoder(runs: Path, name: str) -> None:
    said: list[str] = []
    found = directions(runs / name, ["find", "labels"], say=said.append)
    assert {"sole_height", "lightness"} <= {one.name for one in found}
    assert all(one.named and one.kind == "supervised" for one in found)
    assert any("training a reader" in line for line in said) is (name == "gan")
    one = directions(runs / name, ["find", "labels", "lightness"], say=quiet)
    assert len(one) == len(found)


def test_teaching_by_numbers_on_a_sheet(runs: Path, tmp_path: Path) -> None:
    """What is taught is brightness, from the sheet's own pictures: the slider then makes pictures brighter."""
    run, model = runs / "vae", im.load(runs / "vae")
    directions(run, ["sheet"], out=tmp_path / "s.png", say=quiet)
    assert np.asarray(Image.open(tmp_path / "s.png")).shape[2] == 3
    from imaginable.apps.directions import sheet_seeds

    light = np.array([float(_design.render(model, Design(seed=one)).mean()) for one in sheet_seeds(0)])
    order = [int(number) for number in light.argsort()]
    directions(run, ["teach", "bright"], most=tuple(order[-8:]), least=tuple(order[:8]), say=quiet)
    one = Book.of(model).get("bright")
    assert one.kind == "pointed"
    assert one.confidence > 0.6
    codes = model.latents(20, 4)
    brighter = model.decode_tensor(codes + 2 * one.vector).mean() - model.decode_tensor(codes - 2 * one.vector).mean()
    assert float(brighter) > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("directions RUN fnid", "did you mean 'find'"),
        ("directions RUN find principle", "did you mean 'principal'"),
        ("directions RUN find labels weight", "no label or factor weight"),
        ("directions RUN find --count 0", "--count 0"),
        ("directions RUN teach", "teach NAME"),
        ("directions RUN teach a --most 1", "at least one picture"),
        ("directions RUN teach a --most 1 --least 1", "both the most and the least"),
        ("directions RUN teach a --most 48 --least 1", "numbers from 0 to 47"),
        ("directions RUN rename a", "rename OLD NEW"),
        ("directions RUN remove a", "knows none of that name"),
        ("directions RUN load nowhere.json", "cannot be read"),
        ("directions RUN show", "knows no directions yet"),
        ("edit RUN --move a", "NAME=+2"),
        ("edit RUN --move a=nan", "NAME=+2"),
        ("edit RUN --move a=1000", "NAME=+2"),
        ("edit RUN --move a=1", "knows none of that name"),
        ("edit RUN --label shoe", "was not told the classes"),
        ("edit RUN a b", "'b' is one word too many"),
        ("edit RUN nowhere.png", "neither a seed"),
        ("edit RUN --recipe nowhere.json", "cannot be read"),
        ("edit RUN 3 --recipe nowhere.json", "name one of them"),
        ("edit RUN --out x.gif", "written as .png"),
        ("edit nowhere", "no model here"),
    ],
)
def test_what_a_person_gets_wrong_is_one_line(
    trained: Path,
    words: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([str(trained / "vae") if word == "RUN" else word for word in words.split()]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") <= 2


def test_a_plain_autoencoder_gets_a_prior_where_starts_are_drawn(tmp_path: Path) -> None:
    run, said = tmp_path / "plain", list[str]()
    settings = {"size": 16, "limit": 60, "images": 64, "width": 8, "latents": 4, "device": "cpu"}
    im.train("autoencoder", "digits", run=str(run), **settings)
    first = edit(run, seed=1, out=tmp_path / "a.png", say=said.append).read_bytes()
    assert any("fitting a" in line for line in said)
    assert edit(run, recipe=tmp_path / "a.json", out=tmp_path / "b.png", say=quiet).read_bytes() == first
    morph(run, ["0", "1"], out=tmp_path / "m.gif", say=quiet)


def test_points_have_no_picture_to_edit(tmp_path: Path) -> None:
    im.train("vae", "gaussians", run=str(tmp_path / "p"), images=256, latents=2, network="mlp", device="cpu")
    with pytest.raises(UserError, match="points"):
        edit(tmp_path / "p", say=quiet)
