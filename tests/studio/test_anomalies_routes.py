"""Pictures brought to be judged: the same scores and thresholds as the verb's, within the same limits as all else."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from studio_judges import PICTURES, detector, home, judge, judges, news, studio
from studio_page import Page, design, opened
from studio_translators import fetch, png, read, translators

import imaginable
from imaginable.apps import _calibration, _fast_encoder
from imaginable.apps._alarm_files import enlarged, overlay
from imaginable.apps._detector import Detector
from imaginable.apps.anomalies import anomalies
from imaginable.data import images
from imaginable.studio import photos
from imaginable.studio.guard import Door
from imaginable.studio.runs import Runs

__all__ = ["home", "judges", "studio", "translators"]  # fixtures


def quiet(line: str) -> None:
    pass


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


# ---- what is found


@pytest.mark.parametrize("run", ["draem", "vae"])
def test_pictures_are_judged_as_the_verb_does(studio: Page, home: Path, run: str) -> None:
    known = detector(studio, run)
    (home / "given").mkdir()
    for name, raw in PICTURES.items():
        (home / "given" / name).write_bytes(raw)
    judged = anomalies(home / "runs" / run, "given", rate=0.1, every=True, out=home / "out", say=quiet)
    assert len(judged) == len(PICTURES)
    default = next(one for one in known["scores"] if one["name"] == known["default"])
    threshold = next(one["value"] for one in default["thresholds"] if one["rate"] == 0.1)
    for one in judged:
        found = judge(studio, run, PICTURES[one.name])
        mine = found["scores"][known["default"]]
        assert mine["score"] == pytest.approx(one.score, rel=1e-3)
        assert mine["p"] == pytest.approx(one.p_value, abs=0.05)
        assert (mine["score"] > threshold) == one.anomalous
        assert set(found["scores"]) == {known["default"], *one.others}
        fixed = set(one.others) - {"bound", "combined"}  # draws of a block are others than those of a picture alone
        for name in fixed:
            assert found["scores"][name]["score"] == pytest.approx(one.others[name], rel=1e-3)


def test_the_heat_map_of_every_score_lies_on_the_shelf_beside_the_picture(studio: Page, home: Path) -> None:
    known = detector(studio, "vae")
    pixels = np.full((32, 32, 1), 255, np.uint8)
    pixels[8:24, 4:9] = 90
    found = judge(studio, "vae", png(pixels[..., 0]))
    np.testing.assert_array_equal(read(fetch(studio, found["picture"])), enlarged(pixels))
    own = Detector.of(imaginable.load(home / "runs" / "vae"), home / "runs" / "vae", quiet)
    seen = own.look(images.to_float(pixels[None]), own.names)
    mapped = {"rebuilt-mean", "rebuilt-worst", "rebuilt-features"}
    assert set(found["heats"]) == {one["where"] for one in known["scores"]} == mapped
    for name in mapped:
        heat = own.heat(name, seen[name])
        assert heat is not None
        assert heat.max() > 0.1, "else any map would do"
        np.testing.assert_array_equal(read(fetch(studio, found["heats"][name])), overlay(pixels, heat[0].numpy()))
    studio.told("/api/forget", pictures=[found["picture"]])
    assert studio.http.get(f"/api/brought/{found['picture']}.png").status_code == 400


def test_thresholds_are_those_of_the_calibration_and_fewer_alarms_have_higher_ones(studio: Page, home: Path) -> None:
    known = detector(studio, "draem")
    kept = json.loads((home / "runs" / "draem" / "detector" / "detector.json").read_text())
    calibration = kept["standards"]["own"]["calibration"]
    (own,) = known["scores"]
    assert (known["default"], own["name"], own["where"]) == ("own", "own", "own")
    assert (own["least"], own["most"], own["calibrated"]) == (calibration[0], calibration[-1], len(calibration))
    assert (own["told"], own["error"], own["defects"]) == tuple(kept["standards"]["own"]["told"])
    rates = [one["rate"] for one in own["thresholds"]]
    assert rates == [0.05, 0.1, 0.2], "with so few good pictures no fewer alarms can be promised"
    for rate, value in ((one["rate"], one["value"]) for one in own["thresholds"]):
        assert np.mean(np.array(calibration) > value) <= rate
        assert value in calibration


def test_with_very_few_good_pictures_there_is_the_one_rate_they_allow(home: Path, static: Path) -> None:
    job = home / "runs" / "draem" / "job.yaml"
    job.write_text(job.read_text().replace("limit: 450", "limit: 30"))
    with opened(Runs([home / "runs" / "draem"]), static) as page:
        (own,) = detector(page, "draem")["scores"]
    assert own["calibrated"] < 4, "else a fifth of them is one at least"
    assert own["thresholds"] == [{"rate": 1 / (own["calibrated"] + 1), "value": own["most"]}]


def test_pictures_of_other_sizes_than_those_learned_from_are_marked(studio: Page) -> None:
    assert detector(studio, "draem")["known_sizes"] == ["8x8"]
    assert judge(studio, "draem", PICTURES["large.png"])["unlike"] is True
    assert judge(studio, "draem", png(np.zeros((8, 8), np.uint8)))["unlike"] is False


# ---- calibration


def test_calibration_tells_how_far_it_is_and_is_found_again(studio: Page, home: Path) -> None:
    before = files(home / "runs")
    told = news(studio, "draem")
    assert {one["kind"] for one in told} == {"calibration"}
    assert any("calibrating draem" in one["line"] for one in told)
    assert [one["fraction"] for one in told] == sorted(one["fraction"] for one in told)
    assert told[-1]["state"] == "done"
    assert told[-1]["result"] == studio.told("/api/runs/draem/detector")["detector"]
    judge(studio, "draem", PICTURES["noise.png"])
    assert files(home / "runs") - before == {"draem/detector/detector.json"}


def test_a_gan_gets_an_encoder_first_and_that_is_told(
    trained: Callable[[str], Path], static: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_fast_encoder, "IMAGES", 64)
    shutil.copytree(trained("dcgan"), tmp_path / "dcgan")
    with opened(Runs([tmp_path / "dcgan"]), static) as page:
        told = news(page, "dcgan")
        assert told[-1]["state"] == "done", told[-1]
        assert any("training one on 64 pictures" in one["line"] for one in told)
        names = {one["name"] for one in told[-1]["result"]["scores"]}
        assert names == {"inverted-mean", "inverted-worst", "inverted-features", "combined"}
        assert set(judge(page, "dcgan", PICTURES["noise.png"])["scores"]) == names


def test_two_pages_wait_for_the_same_calibration_and_it_can_be_cancelled(
    studio: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def endless(*given: Any, **how: Any) -> dict[str, Any]:
        while True:
            begun.set()
            given[-1](1, 4)

    def second(job: str) -> None:
        assert begun.wait(30)
        assert studio.told("/api/runs/draem/detector") == {"job": job}
        other = studio.post("/api/runs/vae/detector")
        assert other.status_code == 409
        assert "calibration is running already" in other.json()["error"]
        studio.told(f"/api/jobs/{job}/cancel")

    with monkeypatch.context() as patch:
        patch.setattr(_calibration, "calibrated", endless)
        assert news(studio, "draem", second)[-1]["state"] == "cancelled"
    assert detector(studio, "draem")["default"] == "own"  # and then it is done after all


def test_other_weights_need_other_thresholds(studio: Page, home: Path) -> None:
    known = detector(studio, "draem")
    assert judge(studio, "draem", PICTURES["noise.png"])["key"] == known["key"]
    weights = home / "runs" / "draem" / "model" / "model.safetensors"
    weights.touch()
    answer = studio.http.post("/api/runs/draem/judge", content=PICTURES["noise.png"])
    assert answer.status_code == 409
    assert "its model is another since" in answer.json()["error"]
    assert detector(studio, "draem")["key"] != known["key"]
    judge(studio, "draem", PICTURES["noise.png"])


@pytest.mark.parametrize(
    ("missing", "said"), [("job.yaml", "a model without its run"), ("data", "no such"), ("held out", "held out")]
)
def test_why_it_cannot_be_calibrated_is_said_in_a_line(home: Path, static: Path, missing: str, said: str) -> None:
    run = home / "runs" / "draem"
    if missing == "job.yaml":
        (run / "job.yaml").unlink()
    else:
        text = (run / "job.yaml").read_text()
        other = "source: nowhere" if missing == "data" else "source: few"
        (run / "job.yaml").write_text(text.replace("source: digits", other))
        (home / "few").mkdir()
        for name in ("digit-0.png", "digit-1.png"):
            (home / "few" / name).write_bytes(PICTURES[name])
    with opened(Runs([run]), static) as page:
        last = news(page, "draem")[-1]
    assert last["state"] == "failed"
    assert said in last["error"]
    assert len(last["error"].splitlines()) <= 2


# ---- what is refused


@pytest.mark.parametrize(
    ("raw", "said"),
    [(b"", "zero bytes"), (b"no picture at all", "not a picture"), (PICTURES["noise.png"][:200], "cannot be used")],
)
def test_what_is_no_picture_is_refused(studio: Page, raw: bytes, said: str) -> None:
    detector(studio, "draem")
    answer = studio.http.post("/api/runs/draem/judge", content=raw)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_too_much_is_not_read_or_decoded(studio: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    detector(studio, "draem")
    monkeypatch.setattr(photos, "decode", lambda *_: pytest.fail("it was decoded"))
    many = studio.http.post("/api/runs/draem/judge", content=png(np.zeros((7000, 6000), np.uint8)))
    assert many.status_code == 400
    assert "6000x7000" in many.json()["error"]
    monkeypatch.setattr(photos, "MOST_BYTES", 1 << 20)
    assert studio.http.post("/api/runs/draem/judge", content=bytes((1 << 20) + 1)).status_code == 413


def test_nothing_is_judged_before_thresholds_are_set(studio: Page) -> None:
    answer = studio.http.post("/api/runs/draem/judge", content=PICTURES["noise.png"])
    assert answer.status_code == 409
    assert "not set" in answer.json()["error"]


def test_models_are_told_apart_by_what_they_are_for(
    home: Path, translators: Path, trained: Callable[[str], Path], static: Path
) -> None:
    runs = [home / "runs" / "draem", home / "runs" / "vae", translators / "pix2pix", translators / "inpainting"]
    with opened(Runs([*runs, trained("dcgan")]), static) as page:
        told = {run["id"]: (run.get("task"), run["scores"]) for run in page.state()["runs"]}
        assert told == {
            "draem": ("score", True),
            "vae": (None, True),
            "pix2pix": ("translate", False),
            "inpainting": ("inpaint", True),
            "dcgan": (None, True),
        }
        for path in ("detector", "judge"):
            answer = page.post(f"/api/runs/pix2pix/{path}")
            assert answer.status_code == 400
            assert "says nothing of anomalies" in answer.json()["error"]
            assert "no such run" in page.post(f"/api/runs/elsewhere/{path}").json()["error"]
        for path in ("sheet", "picture", "find", "photo"):
            body = {"design": design(run="draem"), "kind": "principal", "count": 2}
            assert "no codes" in page.post(f"/api/runs/draem/{path}", **body).json()["error"]
        brought = page.http.post("/api/runs/draem/bring", content=PICTURES["noise.png"])
        assert "no pictures of pictures" in brought.json()["error"]


def test_a_run_that_is_gone_is_noticed(studio: Page, home: Path) -> None:
    detector(studio, "draem")
    shutil.rmtree(home / "runs" / "draem")
    assert studio.run("draem")["gone"] is True
    for path in ("detector", "judge"):
        assert "gone" in studio.post(f"/api/runs/draem/{path}").json()["error"]


@pytest.mark.parametrize("path", ["/api/runs/draem/detector", "/api/runs/draem/judge"])
def test_a_page_from_elsewhere_gets_nothing_judged(studio: Page, path: str) -> None:
    for headers in ({}, {"origin": "http://evil.example"}):
        with httpx.Client(base_url=studio.url, headers=headers) as stranger:
            assert stranger.post(path, json={}).status_code == 403
    assert studio.http.post(path, json={}, headers={"host": "evil.example"}).status_code == 421
    if path.endswith("detector"):
        assert studio.http.post(path, content=b"{}", headers={"content-type": "text/plain"}).status_code == 415


def test_the_token_is_asked_for(home: Path, static: Path) -> None:
    with opened(Runs([home / "runs" / "draem"]), static, Door(token="secret")) as page:
        assert page.post("/api/runs/draem/detector").status_code == 403
        assert page.http.post("/api/runs/draem/judge", content=PICTURES["noise.png"]).status_code == 403
