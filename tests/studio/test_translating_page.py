"""The page of models that make pictures of pictures, used as a person would. Skipped without a browser."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from studio_desk import Desk, browser
from studio_page import Page, opened
from studio_translators import COLOURED, MASK, MODELS, png, read, translators
from test_page_readable import check

from imaginable.studio.application import STATIC
from imaginable.studio.runs import Runs

__all__ = ["browser", "translators"]  # fixtures

FILES = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))], name, {type: "image/png"}));
  return data;
}"""
PASTE = """(data) => {
  document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
}"""
CLIPS = '() => [...document.querySelectorAll(".wipe img")].map((one) => getComputedStyle(one).clipPath)'


class Bench(Desk):
    """The page in front of a person with a picture in their hand."""

    def show(self, url: str) -> Bench:
        self.page.goto(url)
        self.page.wait_for_selector("#runs button")
        return self

    def turn_to(self, run: str) -> None:
        self.button(run).click()
        self.page.locator("#work .drop").wait_for()

    def hand(self, raw: bytes, name: str) -> Any:
        return self.page.evaluate_handle(FILES, [name, base64.b64encode(raw).decode()])

    def drop(self, raw: bytes, name: str = "given.png") -> None:
        self.page.dispatch_event("body", "drop", {"dataTransfer": self.hand(raw, name)})

    @property
    def line(self) -> Any:
        """Between before and after; it is there when the result is."""
        return self.page.get_by_role("slider", name="Before and after")

    def at(self) -> int:
        return int(self.line.get_attribute("aria-valuenow"))

    def saved(self) -> np.ndarray:
        return read(self.download(self.button("Save the result").click))

    def stroke(self, *points: tuple[float, float]) -> None:
        """Over the picture, in shares of its width and height."""
        box = self.page.locator(".paint canvas").bounding_box()
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places:
            self.page.mouse.move(*place, steps=4)
        self.page.mouse.up()

    def fill(self) -> np.ndarray:
        """Presses Fill; gives the mask that was sent, as bool (h, w)."""
        with self.page.expect_request("**/make") as sent:
            self.button("Fill").click()
        self.line.wait_for()
        mask: np.ndarray = read(base64.b64decode(json.loads(sent.value.post_data)["mask"]))[..., 0] >= 128
        return mask


@pytest.fixture(scope="module")
def served(translators: Path, browser: Any) -> Iterator[Page]:
    with opened(Runs([translators / name for name in MODELS]), STATIC) as page:
        yield page


@pytest.fixture
def bench(browser: Any, served: Page) -> Iterator[Bench]:
    """When a test is over, nothing may have gone elsewhere, and nothing wrong."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, accept_downloads=True)
    bench = Bench(context.new_page()).show(served.url)
    yield bench
    context.close()
    assert bench.elsewhere == []
    assert bench.errors == []


def test_a_dropped_picture_is_translated_and_the_line_moves_by_keys_and_hand(bench: Bench) -> None:
    bench.turn_to("pix2pix")
    bench.drop(png(COLOURED), "my picture.jpeg")
    bench.line.wait_for()
    assert bench.at() == 50
    bench.line.press("ArrowRight")
    bench.line.press("PageUp")
    assert bench.at() == 62
    before, after = bench.page.evaluate(CLIPS)
    assert (before, after) == ("inset(0px 38% 0px 0px)", "inset(0px 0px 0px 62%)")
    assert bench.line.get_attribute("aria-valuetext") == "62 % before, 38 % after"
    bench.line.press("Home")
    assert bench.at() == 0
    box = bench.page.locator(".wipe").bounding_box()
    bench.page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 9)
    assert abs(bench.at() - 25) <= 1
    with bench.page.expect_download() as download:
        bench.button("Save the result").click()
    assert download.value.suggested_filename == "my picture.png"
    assert read(Path(download.value.path()).read_bytes()).shape == COLOURED.shape


def test_a_pasted_picture_goes_both_ways_and_makes_room_for_the_next(bench: Bench) -> None:
    bench.turn_to("cyclegan")
    bench.page.evaluate(PASTE, bench.hand(png(COLOURED), "pasted.png"))
    bench.line.wait_for()
    to_b = bench.saved()
    bench.button("To A").click()
    bench.page.wait_for_selector('.work-head [data-way="a"][aria-pressed="true"]:enabled')
    assert (bench.saved() != to_b).any()
    bench.button("To B").click()  # made already
    np.testing.assert_array_equal(bench.saved(), to_b)
    bench.button("Next picture").click()
    assert bench.page.evaluate('document.activeElement.className === "drop"')


def test_an_enlargement_is_held_against_the_bicubic_one_and_looked_at_closely(bench: Bench) -> None:
    bench.turn_to("srgan")
    bench.drop(png(np.tile(COLOURED, (12, 16, 1))))  # 896 x 480, twice that when it is made
    bench.line.wait_for()
    assert bench.page.locator(".wipe-name").all_text_contents() == ["Bicubic", "Sharp"]
    view = bench.page.locator(".wipe-view")
    assert view.evaluate("(one) => one.scrollWidth - one.clientWidth") == 0
    bench.button("1:1").click()
    assert view.evaluate("(one) => one.scrollWidth") == 2 * 896
    start = view.evaluate("(one) => one.scrollLeft")
    box = view.bounding_box()
    bench.page.mouse.move(box["x"] + 300, box["y"] + 100)
    bench.page.mouse.down()
    bench.page.mouse.move(box["x"] + 240, box["y"] + 100, steps=3)
    bench.page.mouse.up()
    assert view.evaluate("(one) => one.scrollLeft") == pytest.approx(start + 60, abs=2)
    assert bench.at() == 50
    bench.button("Pixel").click()
    bench.said("Pixel")
    bench.page.wait_for_selector('.work-head [data-way="pixel"][aria-pressed="true"]:enabled')
    assert view.evaluate("(one) => one.scrollLeft") == pytest.approx(start + 60, abs=2), "the place was lost"
    assert bench.saved().shape == (960, 1792, 3)


def test_what_is_painted_is_filled_and_nothing_else_and_then_another_hole(bench: Bench) -> None:
    bench.turn_to("inpainting")
    bench.drop(png(COLOURED))
    bench.page.locator(".paint canvas").wait_for()
    assert bench.button("Fill").is_disabled()
    bench.stroke((0.3, 0.3), (0.5, 0.4))
    bench.stroke((0.7, 0.8))
    bench.page.keyboard.press("Control+z")  # the second one again
    first = bench.fill()
    assert first[12:15, 17:26].any()
    assert not first[25:, 30:].any()
    once = bench.saved()
    np.testing.assert_array_equal(once[~first], COLOURED[~first])
    assert (once[first] != COLOURED[first]).any()
    bench.button("Paint another hole").click()
    bench.page.keyboard.press("Space")  # in the middle
    second = bench.fill()
    assert second[20, 28]
    twice = bench.saved()
    np.testing.assert_array_equal(twice[~second], once[~second])
    assert (twice[second] != once[second]).any()


def test_a_mask_can_be_loaded_erased_and_cleared_and_must_fit(bench: Bench, tmp_path: Path) -> None:
    bench.turn_to("inpainting")
    bench.drop(png(COLOURED))
    bench.page.locator(".paint canvas").wait_for()
    small, fitting = tmp_path / "small.png", tmp_path / "mask.png"
    small.write_bytes(png(np.full((9, 9), 255, np.uint8)))
    fitting.write_bytes(MASK)
    bench.offer("Load a mask", small)
    bench.said("small.png is 9x9; the picture is 56x40.")
    assert bench.button("Fill").is_disabled()
    bench.offer("Load a mask", fitting)
    bench.page.wait_for_selector(".tools .primary:enabled")
    bench.button("Clear").click()
    assert bench.button("Fill").is_disabled()
    bench.button("Undo").click()
    bench.page.keyboard.press("e")
    bench.stroke((0.2, 0.3))
    sent = bench.fill()
    wanted = read(MASK) >= 128
    assert not (sent & ~wanted).any()
    assert not sent[11:13, 10:12].any(), "it was not erased"
    assert sent[10:18, 18:28].all()


def test_a_file_that_is_no_picture_is_said_and_the_next_one_is_taken(browser: Any, served: Page) -> None:
    bench = Bench(browser.new_page()).show(served.url)
    bench.turn_to("pix2pix")
    bench.drop(b"no picture")
    bench.said("not a picture")
    bench.drop(png(COLOURED))
    bench.line.wait_for()
    bench.page.reload()  # the page is that of the same model, and nothing of the picture is left
    bench.page.locator("#work .drop").wait_for()
    assert bench.page.get_by_role("heading", name="pix2pix").is_visible()
    bench.page.close()
    assert len(bench.errors) == 1, "the refusal alone"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_is_readable(browser: Any, served: Page, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 860}, color_scheme=scheme, reduced_motion="reduce"
    )
    bench = Bench(context.new_page()).show(served.url)
    problems = check(bench, f"work-{width}-{scheme}-empty")
    bench.turn_to("inpainting")
    bench.drop(png(COLOURED))
    bench.page.locator(".paint canvas").wait_for()
    bench.stroke((0.3, 0.3), (0.5, 0.4))
    problems += check(bench, f"work-{width}-{scheme}-paint")
    bench.fill()
    problems += check(bench, f"work-{width}-{scheme}-filled")
    context.close()
    assert problems == []
