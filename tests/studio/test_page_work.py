"""The page used as a person would: teaching, snapshots, photos, recipes, training. Skipped without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from studio_desk import Desk, Room, browser, desk, models, room

from imaginable.data.drawn import draw_sneaker

__all__ = ["browser", "desk", "models", "room"]  # fixtures

SHEET = "dialog .sheet .cell"


# ---- teaching


def test_slider_is_taught_by_pointing(desk: Desk) -> None:
    desk.button("Teach a slider").click()
    cells = desk.page.locator(SHEET)
    desk.page.locator(f"{SHEET} img").nth(23).wait_for()
    for number in (0, 1):
        cells.nth(number).click()
    cells.nth(2).focus()
    desk.page.keyboard.press("m")
    desk.page.keyboard.press("ArrowRight")
    desk.page.keyboard.press("l")
    desk.said("Mark 2 more for least.")
    for number in (4, 5):
        cells.nth(number).click()
        cells.nth(number).click()
    desk.page.locator(".gauge-line", has_text="accuracy").wait_for()
    assert cells.nth(5).get_attribute("aria-label") == "Picture 6, has least of it"
    desk.button("Show others").click()
    desk.page.locator(f"{SHEET} img").nth(23).wait_for()
    assert desk.page.locator(".marked img").count() == 6, "marks are kept when others are shown"
    desk.page.get_by_label("Name", exact=True).fill("bulky")
    desk.page.keyboard.press("Enter")
    desk.slider("bulky").wait_for()
    desk.page.reload()
    desk.slider("bulky").wait_for()


def test_third_click_takes_a_mark_back(desk: Desk) -> None:
    desk.page.keyboard.press("t")
    cell = desk.page.locator(SHEET).first
    desk.page.locator(f"{SHEET} img").first.wait_for()
    for mark in ("most", "least", ""):
        cell.click()
        assert cell.get_attribute("data-mark") == mark


# ---- snapshots and sheets


def keep(desk: Desk, name: str) -> None:
    desk.button("Keep").click()
    desk.page.get_by_label("Name", exact=True).fill(name)
    desk.page.keyboard.press("Enter")
    desk.button(f"Go to {name}").wait_for()


def test_snapshots_are_kept_compared_morphed_and_removed(desk: Desk) -> None:
    kept = desk.move("sole", 30)
    keep(desk, "High")
    desk.page.keyboard.press("n")
    other = desk.picture()
    keep(desk, "Other")
    desk.choose("More for High", "Compare")
    below = desk.page.locator("canvas.other")
    below.wait_for()
    desk.settle()
    assert below.evaluate("one => one.toDataURL()") == kept
    desk.button("A · now").click()
    assert below.evaluate("one => one.style.visibility") == "hidden"
    desk.page.keyboard.down("b")
    assert below.evaluate("one => one.style.visibility") == "visible"
    desk.page.keyboard.up("b")
    assert below.evaluate("one => one.style.visibility") == "hidden"
    assert desk.picture() == other
    desk.button("End comparing").click()
    desk.button("Go to High").click()
    assert desk.picture() == kept
    assert desk.amount("sole") == pytest.approx(1.5)

    desk.button("Morph…").click()
    for name in ("High", "Other"):
        desk.page.locator("dialog").get_by_role("button", name=name).click()
    desk.button("Preview").click()
    desk.page.locator("img.film").wait_for()
    assert desk.download(desk.button("Save GIF").click).startswith(b"GIF8")
    assert desk.download(desk.button("Save PNG strip").click).startswith(b"\x89PNG")
    desk.page.keyboard.press("Escape")
    desk.choose("More for Other", "Remove")
    desk.said("Other is removed.")
    assert desk.button("Go to Other").count() == 0


def test_snapshot_kept_in_one_tab_appears_in_the_other(desk: Desk, room: Room) -> None:
    other = Desk(desk.page.context.new_page()).open(room.url)
    keep(desk, "Shared")
    other.button("Go to Shared").wait_for()
    assert other.errors == []


def test_more_like_this_goes_on_with_the_one_clicked(desk: Desk) -> None:
    before = desk.picture()
    desk.page.keyboard.press("m")
    desk.page.locator(f"{SHEET} img").nth(5).wait_for()
    desk.page.keyboard.press("ArrowRight")
    desk.page.keyboard.press("Enter")
    desk.said("Going on from that one.")
    assert desk.picture() != before
    desk.page.keyboard.press("Control+z")
    assert desk.picture() == before


def test_nearest_training_pictures_come_with_a_verdict(desk: Desk) -> None:
    desk.button("Is it a copy?").click()
    desk.page.locator(f"{SHEET} img").first.wait_for()
    assert "Looking" not in desk.page.locator("dialog .verdict").inner_text()


# ---- files


@pytest.fixture
def shoe(tmp_path: Path) -> Path:
    Image.fromarray(draw_sneaker({"sole_height": 0.12}, 64)).save(tmp_path / "shoe.png")
    return tmp_path / "shoe.png"


def test_photo_is_recovered_judged_and_edited(desk: Desk, shoe: Path) -> None:
    before = desk.picture()
    desk.offer("Your photo", shoe)
    edit = desk.button("Edit it")
    desk.page.wait_for_function("one => !one.disabled", arg=edit.element_handle(), timeout=120_000)
    assert desk.page.locator("dialog .fact").count() == 3
    assert desk.page.locator("dialog .verdict").inner_text()
    edit.click()
    assert desk.picture() != before


def test_photo_that_is_no_picture_is_refused_in_words(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    desk.offer("Your photo", tmp_path / "text.png")
    desk.page.locator("dialog .verdict.bad").wait_for()
    desk.errors.clear()  # the browser notes the refusal


def test_recipe_brings_the_same_picture_again(desk: Desk, tmp_path: Path) -> None:
    wanted = desk.move("sole", 25)
    recipe = tmp_path / "design.json"
    recipe.write_bytes(desk.download(lambda: desk.choose("Save", "Recipe")))
    assert desk.download(lambda: desk.choose("Save", "Picture")).startswith(b"\x89PNG")
    desk.page.keyboard.press("n")
    assert desk.picture() != wanted
    desk.offer("Open recipe", recipe)
    desk.said("design.json is on the table.")
    assert desk.picture() == wanted
    recipe.write_text("{}")
    desk.offer("Open recipe", recipe)
    desk.page.locator("#status.bad").wait_for()
    desk.errors.clear()  # the browser notes the refusal


# ---- models


def test_models_side_by_side_share_what_both_know(desk: Desk) -> None:
    desk.button("conditional_vae").first.click()
    left, right = desk.picture("vae"), desk.picture("conditional_vae")
    desk.move("sole", 30)
    assert desk.picture("vae") != left
    assert desk.picture("conditional_vae") != right
    right = desk.picture("conditional_vae")
    desk.move("toe", 10)
    desk.said("does not know toe")
    assert desk.picture("conditional_vae") == right
    before = desk.picture("conditional_vae")
    desk.page.get_by_label("Class").select_option(index=1)
    assert desk.picture("conditional_vae") != before


def test_model_is_trained_here_and_appears(desk: Desk) -> None:
    desk.button("Train").click()
    desk.page.get_by_label("Pictures").select_option("digits")
    desk.page.get_by_label("Method").select_option("vae")
    desk.page.get_by_label("Minutes").fill("0.1")
    desk.page.get_by_label("Size").select_option("16")
    desk.page.get_by_label("Name").fill("fresh")
    desk.button("Start training").click()
    desk.page.locator("dialog .samples").wait_for(timeout=120_000)
    desk.page.locator('.pane[data-run="fresh"]').wait_for(timeout=120_000)
    desk.picture("fresh")


def test_training_is_stopped_and_says_so(desk: Desk) -> None:
    desk.button("Train").click()
    desk.page.get_by_label("Pictures").select_option("digits")
    desk.page.get_by_label("Name").fill("stopped")
    desk.button("Start training").click()
    desk.page.locator("dialog .verdict", has_text="images").wait_for(timeout=120_000)
    desk.button("Stop and save").click()
    desk.page.locator("dialog .verdict", has_text="stopped").wait_for(timeout=60_000)
