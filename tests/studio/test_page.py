"""The page used as a person would: sliders, their history, a lost server. Skipped without a browser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from studio_desk import Desk, Room, browser, desk, models, room

__all__ = ["browser", "desk", "models", "room"]  # fixtures


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


def test_one_picture_is_asked_for_at_a_time_and_old_ones_are_dropped(browser: Any, room: Room) -> None:
    """Behind a server that is held up: what is asked meanwhile is the newest wish alone."""
    page = browser.new_page()
    asked: list[dict[str, Any]] = []
    held: list[bytes] = []
    line: dict[str, Any] = {"hold": False}

    def between(socket: Any) -> None:
        line["page"], server = socket, socket.connect_to_server()

        def up(message: str) -> None:
            asked.append(json.loads(message))
            server.send(message)

        def down(message: str | bytes) -> None:
            if isinstance(message, bytes):
                held.append(message)
            if isinstance(message, str) or not line["hold"]:
                socket.send(message)

        socket.on_message(up)
        server.on_message(down)

    page.route_web_socket("**/ws", between)
    desk = Desk(page).open(room.url)
    line["hold"] = True
    asked.clear()
    desk.slider("sole").focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    assert [one["design"]["moves"][0]["amount"] for one in asked] == [0.05]
    line["hold"] = False
    line["page"].send(held[-1])
    last = desk.picture()
    assert [one["design"]["moves"][0]["amount"] for one in asked] == [0.05, pytest.approx(0.3)]
    line["page"].send(held[0])  # an answer from before comes again, late
    page.wait_for_timeout(200)
    assert desk.picture() == last
    page.close()
    assert desk.errors == []


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


def test_what_a_kept_design_cannot_do_any_more_is_left_out(desk: Desk) -> None:
    """The tab remembers a design of a model that was trained anew meanwhile, with other codes and sliders."""
    first = desk.picture()
    begun = {"start": {"code": [1.0, 2.0]}, "label": "boot", "truncation": None}
    moves = [{"name": "long gone", "run": None, "amount": 2, "locked": False}]
    worlds = {"world": {"shown": ["vae", "gone"], "starts": {"vae": begun}, "moves": moves}, "past": [], "future": []}
    desk.page.goto("about:blank")
    desk.page.add_init_script(f"sessionStorage.setItem('imaginable-worlds', {json.dumps(json.dumps(worlds))})")
    desk.page.go_back()
    assert desk.picture() == first


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


def test_a_full_storage_costs_the_history_and_not_the_design(desk: Desk) -> None:
    """As after many steps from codes of many numbers."""
    desk.page.evaluate("""() => {
      const set = Storage.prototype.setItem;
      Storage.prototype.setItem = function (key, value) {
        if (value.length > 900) throw new DOMException("full", "QuotaExceededError");
        set.call(this, key, value);
      };
    }""")
    for seed in range(10):
        desk.page.get_by_label("Seed").fill(str(seed))
        desk.page.keyboard.press("Enter")
    last = desk.move("sole", 10)
    desk.page.reload()
    assert desk.picture() == last
    assert desk.button("Undo").is_disabled()


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
