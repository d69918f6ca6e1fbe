"""Layers and mixed styles over the wire: what is told, what pictures come, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from studio_page import Page, ask, design, frame, opened
from studio_styles import LAYERS, STYLES, styled
from test_studio_jobs import followed, over, photo

import imaginable
from imaginable.apps import _fast_encoder
from imaginable.studio.runs import Runs

ALL = [1, LAYERS]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, own_place: None) -> Path:
    return styled(tmp_path_factory.mktemp("styled") / "stylegan2")


@pytest.fixture(scope="module")
def page(
    tmp_path_factory: pytest.TempPathFactory, made: Path, static: Path, trained: Callable[[str], Path]
) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(made, folder / "runs" / "stylegan2")
    shutil.copytree(trained("vae"), folder / "runs" / "vae")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with opened(Runs(), static) as page:
            yield page


def of(seed: int = 3, *moves: tuple[str, float], **more: Any) -> dict[str, Any]:
    return design(seed, *moves, run="stylegan2", **more)


def mixed(*pairs: tuple[list[int], dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"layers": layers, "start": start} for layers, start in pairs]


def answered(page: Page, wanted: dict[str, Any]) -> str | bytes:
    with page.socket() as socket:
        socket.send(ask(1, wanted))
        return socket.recv(10)


def shown(page: Page, wanted: dict[str, Any]) -> np.ndarray:
    return frame(answered(page, wanted)).pixels


def test_the_page_is_told_how_many_layers_a_model_has(page: Page) -> None:
    told = {id: {key: page.run(id)[key] for key in ("layers", "latents", "truncates")} for id in ("stylegan2", "vae")}
    assert told["stylegan2"] == {"layers": LAYERS, "latents": LAYERS * STYLES, "truncates": True}
    assert told["vae"] == {"layers": 0, "latents": 4, "truncates": True}


def test_mixing_all_layers_gives_the_others_picture_and_some_give_neither(page: Page) -> None:
    own, other = shown(page, of(3)), shown(page, of(4))
    assert np.array_equal(shown(page, of(3, mix=mixed((ALL, {"seed": 4})))), other)
    assert np.array_equal(shown(page, of(3, mix=[])), own)
    between = shown(page, of(3, mix=mixed(([5, 8], {"seed": 4}))))
    assert not np.array_equal(between, own)
    assert not np.array_equal(between, other)
    assert np.array_equal(shown(page, of(4, mix=mixed(([1, 4], {"seed": 3})))), between), "seen from the other side"


def test_a_slider_in_some_layers_changes_their_codes_alone(page: Page) -> None:
    wanted = of(3, ("warmth", 2.0))
    wanted["moves"][0]["layers"] = [2, 3]
    before, after = (torch.tensor(page.told("/api/runs/stylegan2/fold", design=one)["code"]) for one in (of(3), wanted))
    change = (after - before).reshape(LAYERS, STYLES)
    assert change[:, 0].tolist() == pytest.approx([0, 2, 2, 0, 0, 0, 0, 0], abs=1e-5)
    assert change[:, 1:].abs().max() == 0
    assert not np.array_equal(shown(page, wanted), shown(page, of(3)))


def test_a_folded_code_shows_the_same_picture_and_is_short(page: Page) -> None:
    wanted = of(3, ("warmth", 1.0), mix=mixed(([5, 8], {"seed": 4})), truncation=0.7)
    code = page.told("/api/runs/stylegan2/fold", design=wanted)["code"]
    assert np.array_equal(shown(page, of(start={"code": code})), shown(page, wanted))
    assert all(len(repr(value)) <= 16 for value in code)  # sign, point and exponent beside nine digits


def test_a_recipe_comes_back_with_layers_mix_and_seeds(page: Page) -> None:
    wanted = of(3, ("warmth", 1.5), mix=mixed(([5, 8], {"seed": 4})))
    wanted["moves"][0]["layers"] = [1, 2]
    recipe = page.post("/api/runs/stylegan2/recipe", design=wanted)
    back = page.http.post("/api/recipe", content=recipe.content).json()["design"]
    assert back["start"] == {"seed": 3}
    assert back["mix"] == wanted["mix"]
    assert back["moves"] == wanted["moves"]
    assert np.array_equal(shown(page, back), shown(page, wanted))
    content = recipe.json()
    content["mix"][0]["start"]["code"][-1] += 1.0  # as a seed of another version of torch would draw
    other = page.http.post("/api/recipe", content=json.dumps(content)).json()["design"]
    assert other["mix"][0]["start"] == {"code": pytest.approx(content["mix"][0]["start"]["code"])}


def test_snapshots_keep_layers_and_mix(page: Page) -> None:
    wanted = of(5, ("warmth", 1.0), mix=mixed(([2, 2], {"seed": 9})))
    wanted["moves"][0]["layers"] = [6, 6]
    kept = page.told("/api/snapshots", name="mixed", design=wanted)
    assert kept["design"] == {**wanted, "truncation": None}
    page.told(f"/api/snapshots/{kept['id']}/remove")


def test_more_like_this_goes_towards_other_codes_alike_in_all_layers(page: Page) -> None:
    base = torch.tensor(page.told("/api/runs/stylegan2/fold", design=of(3))["code"]).reshape(LAYERS, STYLES)
    sheet = page.told("/api/runs/stylegan2/sheet", design=of(3), seed=1, count=3, spread=0.25)
    codes = torch.tensor([one["code"] for one in sheet["starts"]]).reshape(3, LAYERS, STYLES)
    steps = codes - base
    assert torch.allclose(steps, steps[:, :1].expand_as(steps), atol=1e-6)
    drawn = imaginable.load("runs/stylegan2").latents(400, seed=1)[:, 0]
    assert float(steps.norm()) > 0
    centre, length = drawn.mean(0), drawn.std(0).norm()
    reached = (base[0] + steps[:, 0] / 0.25 - centre).norm(dim=1) / length
    assert reached.max() < 3  # what they go a quarter of the way to are codes as they occur
    same = page.told("/api/runs/stylegan2/sheet", design=of(3), seed=1, count=1, spread=0.0)
    assert same["starts"][0]["code"] == pytest.approx(base.flatten().tolist())


def test_styles_are_truncated_towards_the_average(page: Page) -> None:
    codes = [
        torch.tensor(page.told("/api/runs/stylegan2/fold", design=of(seed, truncation=psi))["code"])
        for seed, psi in ((3, None), (3, 0.5), (4, None), (4, 0.5))
    ]
    assert torch.allclose(codes[1] - codes[3], 0.5 * (codes[0] - codes[2]), atol=1e-6)


# ---- refusals


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mix": mixed(([1, 9], {"seed": 4}))}, "layers 1-9"),
        ({"mix": mixed(([0, 2], {"seed": 4}))}, "layers"),
        ({"mix": mixed(([3, 2], {"seed": 4}))}, "layers"),
        ({"mix": mixed(([1], {"seed": 4}))}, "layers"),
        ({"mix": mixed(([1, 2], {"code": [1.0]}))}, "1 numbers"),
        ({"mix": mixed(([1, 2], {}))}, "a seed or a code was expected"),
        ({"mix": [{"start": {"seed": 4}}]}, "layers is missing"),
        ({"mix": "all"}, "mix: a list of 0 to 8 was expected"),
        ({"mix": mixed(*[([1, 2], {"seed": 4})] * 9)}, "mix: a list of 0 to 8 was expected"),
        ({"moves": [{"name": "warmth", "amount": 1.0, "layers": [5, 9]}]}, "layers"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(page: Page, change: dict[str, Any], said: str) -> None:
    answer = page.post("/api/runs/stylegan2/picture", design={**of(3), **change})
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    over_the_socket = answered(page, {**of(3), **change})
    assert isinstance(over_the_socket, str)
    assert said in json.loads(over_the_socket)["error"]


def test_models_without_styles_have_no_layers(page: Page) -> None:
    page.told("/api/runs/vae/find", kind="dimensions", count=1)
    name = page.run("vae")["directions"][0]["name"]
    limited = design(3, (name, 1.0))
    limited["moves"][0]["layers"] = [1, 2]
    for wanted in (design(3, mix=mixed(([1, 1], {"seed": 4}))), limited):
        answer = page.post("/api/runs/vae/picture", design=wanted)
        assert answer.status_code == 400
        assert "no layers with codes of their own" in answer.json()["error"]


def test_codes_of_the_largest_official_models_pass_the_wire(page: Page) -> None:
    """18 layers of 512 numbers, of the start and of all that the page mixes: refused for their size, and no sooner."""
    code = [-0.123456789] * (18 * 512)
    wanted = of(start={"code": code}, mix=mixed(*[([1, 2], {"code": code})] * 4))
    answer = answered(page, wanted)
    assert isinstance(answer, str)
    assert "9216 numbers" in json.loads(answer)["error"]
    assert "9216 numbers" in page.post("/api/runs/stylegan2/fold", design=wanted).json()["error"]


def test_a_photo_is_looked_for_as_one_code_or_one_for_each_layer(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fast_encoder, "IMAGES", 64)
    content = photo()

    def found(query: str) -> np.ndarray:
        with page.socket() as socket:
            job = page.http.post(f"/api/runs/stylegan2/photo{query}", content=content).json()["job"]
            end = followed(socket, job, over)
        assert end["state"] == "done", end
        return np.array(end["result"]["code"]).reshape(LAYERS, STYLES)

    one = found("?space=w")
    assert np.array_equal(one, np.broadcast_to(one[0], one.shape))
    each = found("?space=w%2B")
    assert not np.array_equal(each, np.broadcast_to(each[0], each.shape))
    assert np.array_equal(found(""), each)


@pytest.mark.parametrize(
    ("where", "said"), [("stylegan2/photo?space=x", "w or w+ was expected"), ("vae/photo?space=w", "no layers")]
)
def test_a_space_that_there_is_not_is_refused_in_a_line(page: Page, where: str, said: str) -> None:
    answer = page.http.post(f"/api/runs/{where}", content=photo())
    assert answer.status_code == 400
    assert said in answer.json()["error"]
