"""The studio's page, used as a person would. Skipped where there is no browser."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from imaginable.data.drawn import draw_sneaker
from tests.studio.desk import Desk, Room, browser, desk, room

__all__ = ["browser", "desk", "room"]  # fixtures

SHEET = "dialog .sheet .cell"


# ---- sliders


def test_picture_follows_a_slider_and_comes_back(desk: Desk) -> None:
    first = desk.picture()
    assert desk.move("sole", 40) != first
    assert desk.amount("sole") == pytest.approx(2.0)
    desk.page.keyboard.press("0")
    assert desk.amount("sole") == 0
    assert desk.picture() == first
    desk.move("sole", -10)
    desk.slider("sole").dblclick(position={"x": 5, "y": 5})
    assert desk.amount("sole") == 0
    assert desk.picture() == first


def test_quick_drag_ends_with_what_was_asked_last(desk: Desk) -> None:
    desk.slider("sole").scroll_into_view_if_needed()
    box = desk.slider("sole").bounding_box()
    middle = box["y"] + box["height"] / 2
    desk.page.mouse.move(box["x"] + box["width"] / 2, middle)
    desk.page.mouse.down()
    for step in range(60):
        desk.page.mouse.move(box["x"] + (0.5 + 0.4 * ((step * 7) % 60) / 60) * box["width"], middle)
    desk.page.mouse.up()
    desk.settle()
    seen = desk.page.evaluate("seen")
    drawn = [seq for _, seq in seen["drawn"]]
    assert len(seen["asked"]) > 20, "the drag was not seen"
    assert drawn == sorted(drawn), "an older picture came after a newer one"
    assert drawn[-1] == seen["asked"][-1][1]
    shown = desk.picture()
    desk.page.reload()  # the design is kept, and asked for alone: it must be what the drag ended with
    assert desk.picture() == shown


def test_weak_slider_says_so_in_words(desk: Desk) -> None:
    row = desk.page.locator(".slider", has=desk.slider("laces"))
    assert "too unsure to trust" in row.inner_text()
    assert "weak" in desk.slider("laces").get_attribute("aria-valuetext")
    assert "unsure" not in desk.page.locator(".slider", has=desk.slider("toe")).inner_text()


def test_range_widens_and_all_is_reset(desk: Desk) -> None:
    desk.choose("More for sole", "Wider range")
    desk.slider("sole").focus()
    desk.page.keyboard.press("End")
    assert desk.amount("sole") == 6
    desk.move("toe", 5)
    desk.button("Reset all").click()
    assert (desk.amount("sole"), desk.amount("toe")) == (0, 0)


def test_lock_keeps_the_picture_and_holds_the_slider(desk: Desk) -> None:
    before = desk.move("sole", 20)
    desk.button("Lock toe").click()
    desk.said("kept as the new starting point")
    assert desk.picture() == before
    assert desk.amount("sole") == 0
    assert desk.slider("toe").is_disabled()
    desk.button("Lock toe").click()
    desk.said("toe is free again")
    assert desk.slider("toe").is_enabled()


def test_start_is_chosen_by_seed_truncation_and_class(desk: Desk) -> None:
    first = desk.picture()
    desk.page.get_by_label("Seed").fill("77")
    desk.page.keyboard.press("Enter")
    chosen = desk.picture()
    assert chosen != first
    desk.button("New").click()
    assert desk.picture() != chosen
    before = desk.picture()
    desk.page.get_by_label("Truncation").press("Home")
    assert desk.picture() != before


def test_sliders_are_found_named_saved_and_removed(desk: Desk) -> None:
    desk.choose("Find sliders", "own dimensions")
    desk.said("Found")
    found = desk.page.locator("section[aria-label=Found] .slider-name")
    found.first.wait_for()
    name = found.first.inner_text()
    desk.choose(f"More for {name}", "Name it")
    desk.page.get_by_label("Name", exact=True).fill("tongue")
    desk.page.keyboard.press("Enter")
    desk.said("It is called tongue now.")
    saved = json.loads(desk.download(lambda: desk.choose("More for tongue", "Save the direction")))
    assert "tongue" in json.dumps(saved)
    desk.choose("More for tongue", "Remove")
    desk.page.get_by_role("button", name="Remove", exact=True).click()
    desk.said("tongue is gone.")
    assert desk.slider("tongue").count() == 0


# ---- history


def test_undo_and_redo_by_keyboard_a_drag_being_one_step(desk: Desk) -> None:
    first = desk.picture()
    desk.slider("toe").focus()
    box = desk.slider("toe").bounding_box()
    desk.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    desk.page.mouse.down()
    for step in range(10):
        desk.page.mouse.move(box["x"] + (0.5 + 0.04 * step) * box["width"], box["y"] + box["height"] / 2)
    desk.page.mouse.up()
    dragged = desk.picture()
    desk.page.keyboard.press("n")
    fresh = desk.picture()
    desk.page.keyboard.press("Control+z")
    assert desk.picture() == dragged
    desk.page.keyboard.press("Control+z")
    assert desk.picture() == first
    assert desk.button("Undo").is_disabled()
    desk.page.keyboard.press("Control+y")
    desk.page.keyboard.press("Control+Shift+z")
    assert desk.picture() == fresh
    assert desk.button("Redo").is_disabled()


def test_lost_server_is_waited_for_and_nothing_is_lost(desk: Desk, room: Room) -> None:
    before = desk.move("sole", 12)
    room.end()
    desk.said("The connection is away")
    desk.slider("toe").focus()
    desk.page.keyboard.press("End")  # goes on while nobody answers
    room.begin()
    desk.said("Connected again")
    assert desk.amount("toe") == 3
    assert desk.picture() != before
    desk.page.keyboard.press("Control+z")
    assert desk.picture() == before
    desk.errors.clear()  # the browser notes each try to connect


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
    left, right = desk.picture("vae"), desk.picture("conditional-vae")
    desk.move("sole", 30)
    assert desk.picture("vae") != left
    assert desk.picture("conditional-vae") != right
    right = desk.picture("conditional-vae")
    desk.move("toe", 10)
    desk.said("does not know toe")
    assert desk.picture("conditional-vae") == right
    before = desk.picture("conditional-vae")
    desk.page.get_by_label("Class").select_option(index=1)
    assert desk.picture("conditional-vae") != before


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


# ---- for everybody

CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return a < 250 ? null : [r, g, b]; };
  const light = (c) => { const [r, g, b] = c.map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (node) => { for (; node; node = node.parentElement) { const c = rgb(getComputedStyle(node).backgroundColor); if (c) return c; } };
  const low = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.checkVisibility({visibilityProperty: true, opacityProperty: true}) || node.closest(":disabled")) continue;
    const [a, b] = [rgb(getComputedStyle(node).color), ground(node)].map(light).sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(`${node.className} "${node.textContent.trim()}" ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
  }
  return low;
}"""
NAMELESS = """() => [...document.querySelectorAll("button, input, select, canvas")].filter((node) => node.checkVisibility()
  && !node.ariaLabel && !node.textContent.trim() && !node.labels?.length && !node.title).map((node) => node.outerHTML)"""
ESCAPING = """() => [...document.querySelectorAll("body *")].filter((node) => node.checkVisibility({visibilityProperty: true})
  && !node.closest(".cards, .runs") && node.getBoundingClientRect().right > innerWidth + 1).map((node) => node.outerHTML.slice(0, 90))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_is_readable(browser: object, room: Room, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 860}, color_scheme=scheme, reduced_motion="reduce")
    desk = Desk(context.new_page()).open(room.url)
    desk.move("sole", 20)
    problems = check(desk, f"{width}-{scheme}")
    desk.button("Teach a slider").click()
    desk.page.locator(f"{SHEET} img").nth(23).wait_for()
    desk.page.keyboard.press("m")
    problems += check(desk, f"{width}-{scheme}-teach")
    context.close()
    assert problems == []


def check(desk: Desk, name: str) -> list[str]:
    """Texts too faint, controls without a name, things beyond the edge; and a picture of it all if asked for."""
    if folder := os.environ.get("IMAGINABLE_SHOTS"):
        desk.page.screenshot(path=Path(folder) / f"{name}.png")
    return [problem for script in (CONTRAST, NAMELESS, ESCAPING) for problem in desk.page.evaluate(script)]


def test_all_controls_are_reached_by_the_tab_key(desk: Desk) -> None:
    reached = set()
    for _ in range(80):
        desk.page.keyboard.press("Tab")
        reached.add(desk.page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent.trim()"))
    wanted = {"Skip to the sliders", "vae", "Your photo", "Train", "Open recipe", "Keep", "More like this", "Save", "New"}
    wanted |= {"Teach a slider", "Find sliders", "sole", "Lock sole", "More for sole", "Reset all"}
    assert wanted <= reached
