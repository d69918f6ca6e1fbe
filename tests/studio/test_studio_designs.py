"""What the page does with a design, asked as the page asks it."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from studio_page import Page, ask, design, frame, opened

import imaginable
from imaginable.apps import _design
from imaginable.apps._book import Book
from imaginable.apps._design import Design, Move
from imaginable.studio.runs import Runs


def decoded(url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def shown(page: Page, wanted: dict, pane: str = "0") -> np.ndarray:
    """What the canvas shows of a design."""
    with page.socket() as socket:
        socket.send(ask(1, wanted, pane))
        got = frame(socket.recv(10))
    assert (got.seq, got.pane) == (1, int(pane))
    assert (got.pixels[..., 3] == 255).all()
    return got.pixels[..., :3]


def test_state_names_the_run_and_what_can_be_trained_here(page: Page, home: Path) -> None:
    (home / "photos").mkdir()
    Image.new("RGB", (16, 16)).save(home / "photos" / "a.png")
    (home / "notes").mkdir()
    state = page.state()
    run = page.run()
    assert (run["id"], run["size"], run["channels"], run["latents"]) == ("vae", 32, 3, 4)
    assert run["truncates"]
    assert run["layers"] == 0
    assert run["encodes"]
    assert not run["gone"]
    assert len(run["hash"]) == 8
    assert state["data"] == ["sneakers", "digits", "photos"]
    assert {"name", "about"} == set(state["methods"][0])
    assert state["token"] is False


def test_a_slider_moves_the_picture_as_the_recipe_says(page: Page, home: Path) -> None:
    page.told("/api/runs/vae/find", kind="principal", count=2)
    names = [one["name"] for one in page.run()["directions"]]
    wanted = design(3, (names[0], 2.0), (names[1], -1.0))
    wanted["moves"][1]["locked"] = True
    model = imaginable.load(home / "runs" / "vae")
    moves = (Move(names[0], 2.0), Move(names[1], -1.0, locked=True))
    expected = _design.render(model, Design(3, moves=moves), Book.of(model))
    assert np.array_equal(shown(page, wanted, "7"), expected)
    assert not np.array_equal(shown(page, design(3)), expected)
    code = page.told("/api/runs/vae/fold", design=wanted)["code"]
    assert np.array_equal(shown(page, design(start={"code": code})), expected)


def test_a_saved_picture_and_recipe_give_the_design_again(page: Page, home: Path) -> None:
    page.told("/api/runs/vae/find", kind="dimensions", count=2)
    name = page.run()["directions"][0]["name"]
    wanted = design(5, (name, 1.5), truncation=0.8)
    picture, recipe = (page.post(f"/api/runs/vae/{what}", design=wanted) for what in ("picture", "recipe"))
    assert picture.headers["content-disposition"].startswith("attachment")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture.content))), shown(page, wanted))
    assert Image.open(io.BytesIO(picture.content)).text["imaginable recipe"] == recipe.text  # type: ignore[attr-defined]
    opened = page.http.post("/api/recipe", content=recipe.content).json()["design"]
    assert opened["moves"] == wanted["moves"]
    assert opened["start"] == {"seed": 5}
    page.told("/api/runs/vae/directions/remove", name=name)
    folded = page.http.post("/api/recipe", content=recipe.content).json()["design"]
    assert folded["moves"] == []
    assert np.array_equal(shown(page, folded), np.asarray(Image.open(io.BytesIO(picture.content))))


def test_a_recipe_of_another_model_and_an_edited_one_are_refused_by_name(page: Page) -> None:
    recipe = page.post("/api/runs/vae/recipe", design=design()).json()
    for broken, said in [
        ({**recipe, "model": "0" * 64}, "00000000"),
        ({**recipe, "start": {"code": [1.0]}}, "1 numbers"),
        ({**recipe, "moves": [{"name": "x", "amount": "far", "locked": False}]}, "amount"),
        ({**recipe, "format": 9}, "format"),
    ]:
        answer = page.http.post("/api/recipe", content=json.dumps(broken))
        assert answer.status_code == 400
        assert said in answer.json()["error"]


def test_a_sheet_shows_what_its_starts_give_and_more_like_this(page: Page) -> None:
    sheet = page.told("/api/runs/vae/sheet", seed=7, count=3)
    assert sheet["starts"] == [{"seed": 7}, {"seed": 8}, {"seed": 9}]
    difference = decoded(sheet["pictures"][1]).astype(int) - shown(page, design(8))
    assert np.abs(difference).max() <= 1  # a batch adds up in another order
    same = page.told("/api/runs/vae/sheet", seed=1, count=2, design=design(8), spread=0.0)
    assert np.abs(decoded(same["pictures"][0]).astype(int) - shown(page, design(8))).max() <= 1
    alike = page.told("/api/runs/vae/sheet", seed=1, count=2, design=design(8), spread=0.9)
    assert alike["starts"][0] != alike["starts"][1]
    assert len(alike["starts"][0]["code"]) == 4


def test_a_slider_is_taught_judged_named_renamed_and_removed(page: Page, home: Path) -> None:
    starts = page.told("/api/runs/vae/sheet", seed=0, count=12)["starts"]
    sides = {"most": starts[:6], "least": starts[6:]}
    judged = page.told("/api/runs/vae/teach", name=None, **sides)
    assert not judged["saved"]
    assert page.run()["directions"] == []
    taught = page.told("/api/runs/vae/teach", name="sole", **sides)
    assert taught["saved"]
    assert taught["direction"]["confidence"] == judged["direction"]["confidence"]
    assert taught["direction"]["weak"] == (taught["direction"]["confidence"] < 0.75)
    assert not np.array_equal(shown(page, design(1, ("sole", 3.0))), shown(page, design(1)))
    kept = json.loads(page.http.get("/api/runs/vae/directions/sole.json").text)
    assert len(kept["vector"]) == 4
    page.told("/api/runs/vae/directions/rename", name="sole", new="thick sole")
    assert [one["name"] for one in page.run()["directions"]] == ["thick sole"]
    assert [one.name for one in Book.of(imaginable.load(home / "runs" / "vae")).directions] == ["thick sole"]
    assert page.told("/api/runs/vae/directions/remove", name="thick sole") == {"directions": []}
    same = page.post("/api/runs/vae/teach", name=None, most=starts[:1], least=starts[:1])
    assert same.status_code == 400


def test_the_nearest_training_picture_of_a_training_picture_is_itself(page: Page, home: Path) -> None:
    answer = page.told("/api/runs/vae/nearest", design=design())
    assert len(answer["pictures"]) == len(answer["names"]) == 6
    assert answer["distances"] == sorted(answer["distances"])
    neighbours = page.studio.runs.get("vae").neighbours()
    first = decoded(answer["pictures"][0])
    found, verdict = neighbours.nearest(first)
    assert found[0].distance < 1e-3
    assert found[0].name == answer["names"][0]
    assert verdict.startswith("nearly a copy")


def test_a_morph_is_an_animation_or_a_strip(page: Page) -> None:
    stops = [design(1), design(2), design(3)]
    gif = page.post("/api/runs/vae/morph", designs=stops, format="gif", frames=9)
    image = Image.open(io.BytesIO(gif.content))
    assert (image.n_frames, image.size) == (9, (128, 128))  # type: ignore[attr-defined]
    strip = Image.open(io.BytesIO(page.post("/api/runs/vae/morph", designs=stops, format="png", frames=5).content))
    assert strip.size == (2 + 5 * 34, 36)
    assert "synthetic" in strip.text["Description"].lower()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("/api/runs/nobody/find", {"kind": "principal"}, "nobody"),
        ("/api/runs/vae/find", {"kind": "magic"}, "kind"),
        ("/api/runs/vae/find", {"kind": "supervised", "count": 10**9}, "count"),
        ("/api/runs/vae/sheet", {"count": 0}, "count"),
        ("/api/runs/vae/sheet", {"label": "boot"}, "boot"),
        ("/api/runs/vae/sheet", {"truncation": -1}, "truncation"),
        ("/api/runs/vae/fold", {"design": design(1, ("sole", 1.0))}, "sole"),
        ("/api/runs/vae/fold", {"design": design(start={"code": [1.0, 2.0]})}, "2 numbers"),
        ("/api/runs/vae/fold", {"design": []}, "design"),
        ("/api/runs/vae/fold", {}, "design"),
        ("/api/runs/vae/fold", {"design": design(moves=[{"name": "a", "amount": 1}] * 65)}, "64"),
        ("/api/runs/vae/teach", {"name": None, "most": [], "least": []}, "most"),
        ("/api/runs/vae/directions/rename", {"name": "x", "new": "y"}, "'x'"),
        ("/api/runs/vae/morph", {"designs": [design()], "format": "gif"}, "designs"),
        ("/api/runs/vae/morph", {"designs": [design(), design()], "format": "gif", "frames": 10**6}, "frames"),
        ("/api/snapshots", {"name": "\n", "design": design()}, "name"),
        ("/api/snapshots", {"name": "x" * 61, "design": design()}, "name"),
        ("/api/snapshots/nobody/remove", {}, "nobody"),
        ("/api/jobs/nobody/cancel", {}, "nobody"),
    ],
)
def test_nonsense_is_refused_in_a_line_that_names_it(page: Page, path: str, content: dict, said: str) -> None:
    answer = page.post(path, **content)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"].strip()


def test_snapshots_and_directions_are_there_again_after_a_restart(home: Path, static: Path) -> None:
    with opened(Runs(), static) as page:
        starts = page.told("/api/runs/vae/sheet", seed=0, count=8)["starts"]
        page.told("/api/runs/vae/teach", name="sole", most=starts[:4], least=starts[4:])
        wanted = design(4, ("sole", 1.25))
        kept = page.told("/api/snapshots", name="Red / low ../x", design=wanted)
        before = shown(page, wanted)
        thumbnail = page.http.get(f"/api/snapshots/{kept['id']}.png").content
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(thumbnail))), before)
    assert sorted(path.suffix for path in (home / "runs" / "vae" / "studio").iterdir()) == [".json", ".png"]
    with opened(Runs([home / "runs" / "vae"]), static) as page:
        again = page.state()["snapshots"]
        assert again == [kept]
        assert again[0]["name"] == "Red / low ../x"
        assert again[0]["design"]["moves"] == wanted["moves"]
        assert np.array_equal(shown(page, again[0]["design"]), before)
        page.told(f"/api/snapshots/{kept['id']}/remove")
        assert page.state()["snapshots"] == []
    assert list((home / "runs" / "vae" / "studio").iterdir()) == []


def test_a_run_that_vanished_says_so_and_comes_back(page: Page, home: Path) -> None:
    with page.socket() as socket:
        socket.send(ask(1, design()))
        frame(socket.recv(10))
        shutil.move(home / "runs" / "vae", home / "away")
        socket.send(ask(2, design()))
        answer = json.loads(socket.recv(10))
        assert (answer["type"], answer["pane"], answer["seq"]) == ("error", "0", 2)
        assert "gone" in answer["error"]
        assert page.run()["gone"] is True
        shutil.move(home / "away", home / "runs" / "vae")
        socket.send(ask(3, design()))
        assert frame(socket.recv(10)).seq == 3
        assert page.run()["gone"] is False


def test_weights_that_changed_are_read_again_and_old_directions_said_to_be_stale(
    page: Page, home: Path, trained: Callable[[str], Path]
) -> None:
    page.told("/api/runs/vae/find", kind="principal", count=2)
    before, hash_before = shown(page, design()), page.run()["hash"]
    model = imaginable.load(home / "runs" / "vae")
    for weight in model.trained.networks.parameters():
        weight.data.mul_(1.2)
    model.save(home / "runs" / "vae" / "model")
    assert not np.array_equal(shown(page, design()), before)
    assert page.run()["hash"] != hash_before
    assert "2 directions" in page.run()["stale"]
    assert page.run()["directions"] == []


def test_two_tabs_see_the_same_directions_and_snapshots(page: Page) -> None:
    with page.socket() as first, page.socket() as second:
        kept = page.told("/api/snapshots", name="one", design=design())
        assert {json.loads(tab.recv(10))["type"] for tab in (first, second)} == {"runs"}
        assert page.state()["snapshots"] == [kept]
        for tab, seed in ((first, 1), (second, 2)):
            tab.send(ask(seed, design(seed)))
        assert [frame(tab.recv(10)).seq for tab in (first, second)] == [1, 2]
