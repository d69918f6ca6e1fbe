"""The page before a model whose layers have codes of their own. Skipped without a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from studio_desk import Desk, Room, browser, desk
from studio_styles import LAYERS, styled
from test_page_readable import check

from imaginable.apps import _fast_encoder
from imaginable.data.drawn import draw_sneaker

__all__ = ["browser", "desk"]  # fixtures

RUN = "stylegan2"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, own_place: None, trained: Callable[[str], Path]) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("styles")
    styled(folder / "runs" / RUN)
    shutil.copytree(trained("vae"), folder / "runs" / "vae")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        room = Room(folder, (RUN, "vae"))
        yield room
        room.end()


@pytest.fixture
def sent(browser: Any, room: Room) -> Iterator[tuple[Desk, list[dict[str, Any]]]]:
    """A page, and the designs that it asks for."""
    page = browser.new_page()
    asked: list[dict[str, Any]] = []

    def note(message: str | bytes) -> None:
        content = json.loads(message)
        if content["type"] == "render":
            asked.append(content)

    page.on("websocket", lambda socket: socket.on("framesent", note))
    desk = Desk(page).open(room.url)
    yield desk, asked
    page.close()
    assert desk.errors == []


def seed(desk: Desk, of: str, value: int) -> None:
    desk.page.get_by_label(of, exact=True).fill(str(value))
    desk.page.keyboard.press("Enter")


def picture_of(desk: Desk, value: int) -> str:
    seed(desk, "Seed", value)
    return desk.picture(RUN)


def part(desk: Desk, name: str, of: str) -> Any:
    """A button such as "Coarse"."""
    return desk.page.get_by_role("group", name=f"Layers of {of}", exact=True).get_by_text(name, exact=True)


def test_a_slider_is_limited_to_layers_by_keyboard(sent: tuple[Desk, list[dict[str, Any]]]) -> None:
    desk, asked = sent
    desk.slider("warmth").press("End")
    everywhere = desk.picture(RUN)
    assert "layers" not in asked[-1]["design"]["moves"][0]
    desk.button("Layers of warmth: all").press("Enter")
    for _ in range(3):
        desk.page.keyboard.press("ArrowRight")  # the first layer has the focus
    limited = desk.picture(RUN)
    assert asked[-1]["design"]["moves"][0]["layers"] == [4, LAYERS]
    assert limited != everywhere
    last = desk.slider("Last layer of warmth")
    last.press("Home")  # the other end gives way
    desk.settle()
    assert asked[-1]["design"]["moves"][0]["layers"] == [1, 1]
    assert last.get_attribute("aria-valuetext") == f"layer 1 of {LAYERS}"
    desk.page.keyboard.press("Escape")
    assert desk.button("Layers of warmth: 1").is_visible()
    desk.button("Layers of warmth: 1").click()
    part(desk, "All", "warmth").click()
    assert desk.picture(RUN) == everywhere
    assert "layers" not in asked[-1]["design"]["moves"][0]
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("Control+z")
    assert desk.button("Layers of warmth: 1").is_visible()


def test_mixing_all_layers_gives_the_others_picture_and_removing_gives_it_back(
    sent: tuple[Desk, list[dict[str, Any]]],
) -> None:
    desk, asked = sent
    other, own = picture_of(desk, 22), picture_of(desk, 11)
    desk.button("Mix in").click()
    seed(desk, "Seed of mix 1", 22)
    half = desk.picture(RUN)
    assert half not in (own, other)
    assert asked[-1]["design"]["mix"] == [{"layers": [5, 8], "start": {"seed": 22}}]
    assert len(json.dumps(asked[-1])) < 300, "where a seed says it, no code is sent"
    part(desk, "All", "mix 1").click()
    assert desk.picture(RUN) == other
    desk.page.locator(".mix-picture[src^='data:']").wait_for()
    desk.page.keyboard.press("Control+z")
    assert desk.picture(RUN) == half
    desk.button("Remove mix 1").click()
    assert desk.picture(RUN) == own
    assert "mix" not in asked[-1]["design"]
    desk.page.keyboard.press("Control+z")
    desk.page.reload()
    assert desk.picture(RUN) == half
    assert desk.page.get_by_label("Seed of mix 1").input_value() == "22"


def test_a_recipe_brings_mix_and_layers_again(desk: Desk, tmp_path: Path) -> None:
    picture_of(desk, 11)
    desk.slider("warmth").press("End")
    desk.button("Layers of warmth: all").click()
    part(desk, "Coarse", "warmth").click()
    desk.page.keyboard.press("Escape")
    desk.button("Mix in").click()
    seed(desk, "Seed of mix 1", 22)
    wanted = desk.picture(RUN)
    recipe = tmp_path / "design.json"
    recipe.write_bytes(desk.download(lambda: desk.choose("Save", "Recipe")))
    desk.button("Remove mix 1").click()
    desk.button("Reset all").click()
    assert desk.picture(RUN) != wanted
    desk.offer("Open recipe", recipe)
    desk.said("design.json is on the table.")
    assert desk.picture(RUN) == wanted
    assert desk.page.get_by_label("Seed of mix 1").input_value() == "22"
    assert desk.button("Layers of warmth: 1–3").is_visible()


def test_a_kept_picture_can_be_mixed_in(desk: Desk) -> None:
    picture_of(desk, 22)
    desk.slider("warmth").press("End")
    kept = desk.picture(RUN)
    desk.button("Keep").click()
    desk.page.get_by_label("Name", exact=True).fill("Warm")
    desk.page.keyboard.press("Enter")
    desk.button("Go to Warm").wait_for()
    desk.button("Reset all").click()
    own = picture_of(desk, 11)
    desk.button("Mix in").click()
    part(desk, "All", "mix 1").click()
    desk.button("Choose a picture for mix 1").click()
    desk.page.locator("dialog").get_by_role("button", name="Warm", exact=True).click()
    desk.page.locator("dialog").wait_for(state="detached")
    assert desk.picture(RUN) == kept
    desk.button("Choose a picture for mix 1").click()
    desk.page.locator("dialog .cell img").nth(24).wait_for()
    desk.page.get_by_role("button", name="Picture 3", exact=True).click()
    assert desk.page.get_by_label("Seed of mix 1").input_value()
    assert desk.picture(RUN) not in (kept, own)


def test_more_like_this_of_a_mix_begins_anew_without_it(desk: Desk) -> None:
    desk.button("Mix in").click()
    desk.page.keyboard.press("m")  # typed into the seed's field: nothing happens
    assert desk.page.locator("dialog").count() == 0
    desk.button("More like this").click()
    desk.page.locator("dialog .sheet .cell img").nth(5).wait_for()
    desk.page.locator("dialog .sheet .cell").nth(2).click()
    desk.said("Going on from that one.")
    assert desk.page.locator(".mix").count() == 0


def test_truncation_of_styles_is_off_in_the_middle(desk: Desk) -> None:
    first = desk.picture(RUN)
    slider = desk.page.get_by_label("Truncation")
    assert desk.page.locator("output[for=truncation]").inner_text() == "off"
    slider.press("Home")
    assert desk.picture(RUN) != first
    assert desk.page.locator("output[for=truncation]").inner_text() == "0.05"
    slider.fill("1")
    assert desk.picture(RUN) == first
    slider.press("End")
    assert desk.picture(RUN) != first


def test_models_without_styles_have_neither_layers_nor_mixes(desk: Desk) -> None:
    desk.button("vae").first.click()
    desk.picture("vae")
    assert desk.button("Mix in").count() == 0
    desk.button(RUN).last.click()  # the name below its picture
    assert desk.button("Mix in").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_layers_and_mixes_are_readable(browser: Any, room: Room, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 860}, color_scheme=scheme, reduced_motion="reduce"
    )
    desk = Desk(context.new_page()).open(room.url)
    desk.button("Mix in").click()
    desk.page.locator(".mix-picture[src^='data:']").wait_for()
    desk.button("Layers of warmth: all").click()
    part(desk, "Middle", "warmth").click()
    desk.picture(RUN)
    problems = check(desk, f"styles-{width}-{scheme}")
    desk.page.keyboard.press("Escape")
    desk.button("Choose a picture for mix 1").click()
    desk.page.locator("dialog .cell img").nth(23).wait_for()
    problems += check(desk, f"styles-{width}-{scheme}-choose")
    context.close()
    assert problems == []


def test_a_photo_is_looked_for_in_both_spaces(
    sent: tuple[Desk, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_fast_encoder, "IMAGES", 64)
    desk, _ = sent
    Image.fromarray(draw_sneaker({"sole_height": 0.12}, 32)).save(tmp_path / "shoe.png")
    desk.offer("Your photo", tmp_path / "shoe.png")
    each, one = (desk.button(name) for name in ("A code for each layer", "One code for all"))
    found = "one => !one.disabled"
    desk.page.wait_for_function(found, arg=one.element_handle(), timeout=120_000)
    assert [each.get_attribute("aria-pressed"), one.get_attribute("aria-pressed")] == ["true", "false"]
    refined = desk.page.get_by_alt_text("Refined")
    before = refined.get_attribute("src")
    one.click()
    assert one.is_disabled()
    desk.page.wait_for_function(found, arg=one.element_handle(), timeout=120_000)
    assert [each.get_attribute("aria-pressed"), one.get_attribute("aria-pressed")] == ["false", "true"]
    assert refined.get_attribute("src") != before
    desk.button("Edit it").click()
    desk.said("Your photo is on the table")
