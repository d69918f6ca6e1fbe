"""A picture brought to a model that makes pictures of pictures becomes what the verb writes, byte for byte."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from studio_page import Page
from studio_translators import (
    COLOURED,
    HOLE,
    MASK,
    MODELS,
    RANDOM,
    TRANSPARENT,
    bring,
    ended,
    fetch,
    made,
    png,
    read,
    studio,
    translators,
)

from imaginable.apps import _pictures
from imaginable.apps.inpaint import inpaint
from imaginable.apps.translate import translate
from imaginable.apps.upscale import upscale
from imaginable.core.errors import UserError
from imaginable.studio.shelf import Shelf

__all__ = ["studio", "translators"]  # fixtures

PAINTED = base64.b64encode(MASK).decode()


def quiet(line: str) -> None:
    pass


def verb(run: Path, raw: bytes, folder: Path, **flags: Any) -> bytes:
    """What the command line writes for this picture."""
    given, mask = folder / "given.png", folder / "mask.png"
    given.write_bytes(raw)
    if run.name == "inpainting":
        mask.write_bytes(MASK)
        written = inpaint(run, str(given), masks=str(mask), out=folder / "out", say=quiet)
    elif run.name == "srgan":
        written = upscale(run, str(given), out=folder / "out", say=quiet)
    else:
        written = translate(run, str(given), out=folder / "out", say=quiet, **flags)
    return written[0].read_bytes()


# ---- what is made


def test_the_page_is_told_what_each_can_do_and_of_no_sliders(studio: Page) -> None:
    runs = {run["id"]: run for run in studio.state()["runs"]}
    told = {name: (run["task"], run["ways"], run["factor"]) for name, run in runs.items()}
    assert told == {
        "pix2pix": ("translate", [], 1),
        "cyclegan": ("translate", ["b", "a"], 1),
        "srgan": ("upscale", ["sharp", "pixel"], 2),
        "inpainting": ("inpaint", [], 1),
    }
    assert not any("directions" in run for run in runs.values())


@pytest.mark.parametrize("array", [COLOURED, COLOURED[..., 0], TRANSPARENT], ids=["colour", "grey", "transparent"])
@pytest.mark.parametrize("name", MODELS)
def test_the_result_is_the_verb_s_file(
    name: str, array: np.ndarray, studio: Page, translators: Path, tmp_path: Path
) -> None:
    brought = bring(studio, name, png(array))
    assert (brought["width"], brought["height"]) == (56, 40)
    wish = {"mask": PAINTED} if name == "inpainting" else {}
    result = made(studio, brought["picture"], **wish)
    raw = fetch(studio, result["picture"])
    assert raw == verb(translators / name, png(array), tmp_path)
    assert Image.open(io.BytesIO(raw)).text["Description"].startswith("Synthetic image")  # type: ignore[attr-defined]
    assert read(raw).shape[:2] == (result["height"], result["width"])


def test_each_way_is_the_verb_s_or_the_method_s_own(studio: Page, translators: Path, tmp_path: Path) -> None:
    picture = bring(studio, "cyclegan", png(COLOURED))["picture"]
    to_a, to_b, usual = (fetch(studio, made(studio, picture, to=to)["picture"]) for to in ("a", "b", None))
    assert to_a == verb(translators / "cyclegan", png(COLOURED), tmp_path, to="a")
    assert to_a != to_b
    assert usual == to_b
    small = bring(studio, "srgan", png(COLOURED))["picture"]
    usual, sharp, pixel = (fetch(studio, made(studio, small, to=to)["picture"]) for to in (None, "sharp", "pixel"))
    assert usual == sharp
    assert pixel != sharp


def test_before_is_the_picture_or_what_any_program_makes_of_it(studio: Page) -> None:
    picture = bring(studio, "srgan", png(COLOURED))["picture"]
    before = read(fetch(studio, made(studio, picture)["before"]))
    larger = Image.fromarray(COLOURED).resize((112, 80), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(before, np.asarray(larger))
    picture = bring(studio, "pix2pix", png(COLOURED))["picture"]
    assert made(studio, picture)["before"] == picture
    np.testing.assert_array_equal(read(fetch(studio, picture)), COLOURED)


def test_a_photo_is_shown_upright(studio: Page) -> None:
    box, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.fromarray(COLOURED).save(box, "PNG", exif=exif)
    brought = bring(studio, "inpainting", box.getvalue())
    assert (brought["width"], brought["height"]) == (40, 56)
    np.testing.assert_array_equal(read(fetch(studio, brought["picture"])), np.rot90(COLOURED, -1))


def test_a_filled_picture_can_be_filled_again_and_only_holes_change(studio: Page) -> None:
    first = made(studio, bring(studio, "inpainting", png(COLOURED))["picture"], mask=PAINTED)["picture"]
    other = np.roll(HOLE, (15, 20), (0, 1))
    mask = base64.b64encode(png(np.where(other, 255, 0).astype(np.uint8))).decode()
    once, twice = (read(fetch(studio, id)) for id in (first, made(studio, first, mask=mask)["picture"]))
    np.testing.assert_array_equal(once[~HOLE], COLOURED[~HOLE])
    assert (once[HOLE] != COLOURED[HOLE]).any()
    np.testing.assert_array_equal(twice[~other], once[~other])
    assert (twice[other] != once[other]).any()


def test_a_large_picture_is_remarked_on(studio: Page) -> None:
    large = RANDOM.integers(256, size=(70, 90, 3), dtype=np.uint8)
    assert "32 pixels" in made(studio, bring(studio, "pix2pix", png(large))["picture"])["remark"]
    assert made(studio, bring(studio, "pix2pix", png(COLOURED))["picture"])["remark"] == ""


# ---- examples


def test_examples_are_held_out_pictures_of_the_kind_that_is_given(
    studio: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = RANDOM.integers(256, size=(2, 6, 32, 32, 3), dtype=np.uint8)
    data = SimpleNamespace(
        items=pictures[0], targets=pictures[1], held_out=np.array([4, 1]), target_held_out=np.array([2])
    )
    monkeypatch.setattr(_pictures, "training_data", lambda run, asked: data)
    for to, wanted in ((None, pictures[0][[4, 1]]), ("b", pictures[0][[4, 1]]), ("a", pictures[1][[2]])):
        told = studio.told("/api/runs/cyclegan/examples", to=to)["pictures"]
        shown = [read(base64.b64decode(one.split(",")[1])) for one in told]
        np.testing.assert_array_equal(shown, wanted)


def test_without_its_data_a_model_has_no_examples(studio: Page) -> None:
    assert studio.told("/api/runs/srgan/examples") == {"pictures": []}


# ---- the shelf


def test_what_is_let_go_is_gone_and_nothing_was_ever_on_the_disk(studio: Page, tmp_path: Path) -> None:
    brought = bring(studio, "pix2pix", png(COLOURED))["picture"]
    result = made(studio, brought)["picture"]
    assert list(tmp_path.iterdir()) == []
    studio.told("/api/forget", pictures=[brought, result, "never there"])
    for id in (brought, result):
        gone = studio.http.get(f"/api/brought/{id}.png")
        assert gone.status_code == 400
        assert "bring it again" in gone.json()["error"]


def test_a_full_shelf_loses_the_oldest() -> None:
    shelf = Shelf(most=250)
    ids = [shelf.put("run", bytes(100)) for _ in range(4)]
    assert [shelf.get(id).run for id in ids[2:]] == ["run", "run"]
    for id in ids[:2]:
        with pytest.raises(UserError, match="not here any more"):
            shelf.get(id)
    assert shelf.get(shelf.put("huge", bytes(999))).run == "huge"


def test_news_of_a_picture_is_small(studio: Page) -> None:
    """It goes to every page: pictures are fetched, not told."""
    picture = bring(studio, "srgan", png(COLOURED))["picture"]
    assert len(json.dumps(ended(studio, picture))) < 600
