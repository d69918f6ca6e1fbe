"""What a page that makes pictures of pictures may not do, each with one clear line; and work that is cancelled."""

from __future__ import annotations

import base64
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from studio_page import Page, ask, design, opened
from studio_translators import COLOURED, HOLE, MASK, bring, ended, made, png, studio, translators

from imaginable.studio import making, translating
from imaginable.studio.guard import Door
from imaginable.studio.runs import Runs
from imaginable.studio.translating import Translating

__all__ = ["studio", "translators"]  # fixtures


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


# ---- pictures


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "zero bytes"),
        (b"no picture at all", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (png(COLOURED)[:200], "cannot be used"),
    ],
)
def test_what_is_no_picture_is_refused(raw: bytes, said: str, studio: Page) -> None:
    answer = studio.http.post("/api/runs/pix2pix/bring", content=raw)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_one_whose_result_would_be_too_large_is_refused_before_it_is_decoded(
    studio: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "whole", lambda raw: pytest.fail("it was decoded"))
    large = png(np.zeros((4000, 3000), np.uint8))  # twice as large on a side: 48 million pixels
    answer = studio.http.post("/api/runs/srgan/bring", content=large)
    assert answer.status_code == 400
    assert "6000x8000" in answer.json()["error"]
    assert "imaginable upscale" in answer.json()["error"]
    larger = png(np.zeros((7000, 6000), np.uint8))
    assert "6000x7000" in studio.http.post("/api/runs/pix2pix/bring", content=larger).json()["error"]


def test_too_many_bytes_are_not_read(studio: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "MOST_BYTES", 1 << 20)
    answer = studio.http.post("/api/runs/pix2pix/bring", content=bytes((1 << 20) + 1))
    assert answer.status_code == 413
    assert "1 MB" in answer.json()["error"]


# ---- wishes


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({}, "what is to be filled"),
        ({"mask": "§§§"}, "base64"),
        ({"mask": 5}, "mask"),
        ({"mask": encoded(MASK), "to": "b"}, "one way only"),
        ({"mask": encoded(MASK), "to": ["b"]}, "to"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(wish: dict[str, Any], said: str, studio: Page) -> None:
    picture = bring(studio, "inpainting", png(COLOURED))["picture"]
    answer = studio.post(f"/api/brought/{picture}/make", **wish)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (png(np.zeros((40, 56), np.uint8)), "nothing is painted"),
        (png(np.full((56, 40), 255, np.uint8)), "it is 56x40 and the mask is 40x56"),
        (b"no picture", "the mask is not readable"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask: bytes, said: str, studio: Page) -> None:
    picture = bring(studio, "inpainting", png(COLOURED))["picture"]
    news = ended(studio, picture, mask=encoded(mask))
    assert news["state"] == "failed"
    assert said in news["error"]


def test_an_unknown_way_or_picture_or_run_is_refused(studio: Page) -> None:
    picture = bring(studio, "srgan", png(COLOURED))["picture"]
    for path, wish, said in (
        (f"/api/brought/{picture}/make", {"to": "a"}, "sharp, pixel"),
        ("/api/brought/elsewhere/make", {}, "bring it again"),
        ("/api/runs/elsewhere/bring", {}, "no such run"),
        ("/api/runs/cyclegan/examples", {"to": "c"}, "b, a"),
        ("/api/forget", {"pictures": "all"}, "a list"),
        ("/api/forget", {"pictures": [1]}, "a list"),
    ):
        answer = studio.post(path, **wish)
        if "examples" in path:  # the data is not there, so there is nothing to choose from
            assert answer.json() == {"pictures": []}
            continue
        assert answer.status_code == 400, path
        assert said in answer.json()["error"]
    assert studio.http.get("/api/brought/elsewhere.png").status_code == 400


def test_there_is_nothing_to_slide_and_models_with_codes_take_no_pictures(
    studio: Page, translators: Path, trained: Callable[[str], Path], static: Path
) -> None:
    for path in ("sheet", "picture", "find", "photo"):
        body = {"design": design(run="srgan"), "kind": "principal", "count": 2}
        answer = studio.post(f"/api/runs/srgan/{path}", **body)
        assert answer.status_code == 400
        assert "no codes" in answer.json()["error"], path
    with studio.socket() as socket:
        socket.send(ask(1, design(run="srgan")))
        assert "no codes" in json.loads(socket.recv(20))["error"]
    with opened(Runs([trained("vae"), translators / "srgan"]), static) as page:
        assert {run["id"]: run.get("task") for run in page.state()["runs"]} == {"vae": None, "srgan": "upscale"}
        answer = page.http.post("/api/runs/vae/bring", content=png(COLOURED))
        assert answer.status_code == 400
        assert "no pictures of pictures" in answer.json()["error"]


def test_a_model_that_is_gone_or_another_is_noticed(translators: Path, static: Path, tmp_path: Path) -> None:
    run = tmp_path / "cyclegan"
    shutil.copytree(translators / "cyclegan", run)
    with opened(Runs([run]), static) as page:
        picture = bring(page, "cyclegan", png(COLOURED))["picture"]
        shutil.rmtree(run / "model")
        shutil.copytree(translators / "pix2pix" / "model", run / "model")
        assert page.run("cyclegan")["method"] == "pix2pix"
        assert "one way only" in page.post(f"/api/brought/{picture}/make", to="a").json()["error"]
        shutil.rmtree(run)
        assert "gone" in page.post(f"/api/brought/{picture}/make").json()["error"]
        assert page.run("cyclegan")["gone"] is True


# ---- who is let in


@pytest.mark.parametrize("path", ["/api/runs/srgan/bring", "/api/brought/x/make", "/api/forget"])
def test_a_page_from_elsewhere_brings_and_makes_nothing(path: str, studio: Page) -> None:
    for headers in ({}, {"origin": "http://evil.example"}):
        with httpx.Client(base_url=studio.url, headers=headers) as stranger:
            assert stranger.post(path, json={}).status_code == 403
    assert studio.http.post(path, json={}, headers={"host": "evil.example"}).status_code == 421
    kind = {"content-type": "text/plain"}
    if "bring" not in path:
        assert studio.http.post(path, content=b"{}", headers=kind).status_code == 415


def test_another_page_cannot_show_what_was_brought(studio: Page) -> None:
    picture = bring(studio, "pix2pix", png(COLOURED))["picture"]
    answer = studio.http.get(f"/api/brought/{picture}.png", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


def test_the_token_is_asked_for(translators: Path, static: Path) -> None:
    with opened(Runs([translators / "pix2pix"]), static, Door(token="secret")) as page:
        assert page.http.post("/api/runs/pix2pix/bring", content=png(COLOURED)).status_code == 403
        page.http.cookies.set("imaginable", "secret")
        picture = bring(page, "pix2pix", png(COLOURED))["picture"]
        page.http.cookies.clear()
        assert page.http.get(f"/api/brought/{picture}.png").status_code == 403


# ---- work


def test_work_can_be_cancelled_and_there_is_one_at_a_time(studio: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, begun = bring(studio, "pix2pix", png(COLOURED))["picture"], threading.Event()

    def endless(self: Translating, to: str | None, mask: bytes | None) -> translating.Make:
        def make(whole: Any, advance: Callable[[float], None]) -> Any:
            while True:
                begun.set()
                advance(0.5)

        return make

    with monkeypatch.context() as patch, studio.socket() as socket:
        patch.setattr(Translating, "make", endless)
        job = studio.told(f"/api/brought/{picture}/make")["job"]
        assert begun.wait(20)
        second = studio.post(f"/api/brought/{picture}/make")
        assert second.status_code == 409
        assert "running already" in second.json()["error"]
        studio.told(f"/api/jobs/{job}/cancel")
        while (news := json.loads(socket.recv(20)))["state"] == "running":
            assert news["fraction"] in (0.0, 0.475)
        assert news["state"] == "cancelled"
    assert made(studio, picture)["width"] == 56  # and then another


def test_a_failure_of_ours_is_told_without_its_insides(studio: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("insides")

    picture = bring(studio, "inpainting", png(COLOURED))["picture"]
    monkeypatch.setattr(translating, "filled", fails)
    news = ended(studio, picture, mask=encoded(png(np.where(HOLE, 255, 0).astype(np.uint8))))
    assert news["state"] == "failed"
    assert "insides" not in json.dumps(news)
