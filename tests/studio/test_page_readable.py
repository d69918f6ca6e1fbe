"""The page for everybody: wide, narrow, light, dark, by keyboard, in words. Skipped without a browser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from studio_desk import Desk, Room, browser, desk, models, room

__all__ = ["browser", "desk", "models", "room"]  # fixtures

SHEET = "dialog .sheet .cell"

# Texts of less than 4.5 : 1 on what is behind them (WCAG 2, AA).
FAINT = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, opacity] = canvas.getImageData(0, 0, 1, 1).data;
    return opacity < 250 ? null : [red, green, blue];
  };
  const linear = (value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = (colour) => {
    const [red, green, blue] = colour.map((value) => linear(value / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (node) => rgb(getComputedStyle(node).backgroundColor) ?? ground(node.parentElement);
  const speaks = (node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
  const seen = (node) => node.checkVisibility({visibilityProperty: true, opacityProperty: true});
  const ratio = (node) => {
    const [high, low] = [rgb(getComputedStyle(node).color), ground(node)].map(light).sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  return [...document.querySelectorAll("body *")]
    .filter((node) => speaks(node) && seen(node) && !node.closest(":disabled") && ratio(node) < 4.5)
    .map((node) => `faint: ${node.textContent.trim()} ${ratio(node).toFixed(2)}`);
}"""
NAMELESS = """() => [...document.querySelectorAll("button, input, select, canvas")]
  .filter((node) => node.checkVisibility() && !node.ariaLabel && !node.textContent.trim() && !node.labels?.length)
  .map((node) => `nameless: ${node.outerHTML}`)"""
ESCAPING = """() => [...document.querySelectorAll("body *")]
  .filter((node) => node.checkVisibility({visibilityProperty: true}) && !node.closest(".cards, .runs"))
  .filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
  .map((node) => `beyond the edge: ${node.outerHTML.slice(0, 90)}`)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_is_readable(browser: Any, room: Room, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 860}, color_scheme=scheme, reduced_motion="reduce"
    )
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
    return [problem for script in (FAINT, NAMELESS, ESCAPING) for problem in desk.page.evaluate(script)]


def test_all_controls_are_reached_by_the_tab_key(desk: Desk) -> None:
    reached = set()
    for _ in range(80):
        desk.page.keyboard.press("Tab")
        reached.add(desk.page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent.trim()"))
    wanted = {
        "Skip to the sliders",
        "vae",
        "Your photo",
        "Train",
        "Open recipe",
        "Keep",
        "More like this",
        "Save",
        "New",
    }
    wanted |= {"Teach a slider", "Find sliders", "sole", "Lock sole", "More for sole", "Reset all"}
    assert wanted <= reached
