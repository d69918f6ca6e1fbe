"""`imaginable studio` as it is typed, and as it is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from studio_page import design, opened

from imaginable.cli import main
from imaginable.studio.runs import Runs


@contextmanager
def typed(*words: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """The verb in a process of its own, and a page that opened the address it printed."""
    command = [sys.executable, "-m", "imaginable", "studio", *words, "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert found
            with httpx.Client(base_url=found[0], headers={"origin": found[0]}, timeout=60) as http:
                yield process, http
        finally:
            process.kill()


def test_what_was_kept_survives_a_kill_in_mid_work(home: Path, static: Path) -> None:
    with typed() as (process, http):
        starts = http.post("/api/runs/vae/sheet", json={"seed": 0, "count": 6}).json()["starts"]
        taught = {"name": "sole", "most": starts[:3], "least": starts[3:]}
        assert http.post("/api/runs/vae/teach", json=taught).json()["saved"]
        kept = http.post("/api/snapshots", json={"name": "a", "design": design(1, ("sole", 2.0))}).json()
        assert kept["name"] == "a"
        process.kill()
    with opened(Runs(), static) as page:
        assert page.state()["snapshots"] == [kept]
        assert [one["name"] for one in page.run()["directions"]] == ["sole"]
        page.told("/api/runs/vae/fold", design=kept["design"])


def test_control_c_ends_it_as_it_should(home: Path) -> None:
    with typed("runs/vae") as (process, http):
        assert http.get("/api/state").json()["runs"][0]["id"] == "vae"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["studio", "nowhere"], "nowhere"),
        (["studio", "--port", "99999999"], "--port 99999999"),
        (["studio", "--port", "many"], "--port"),
        (["studio", "--host", "no.such.host.invalid"], "--host no.such.host.invalid"),
        (["studio", "--data", "nowhere"], "nowhere"),
        (["studio", "--prot", "1"], "did you mean '--port'"),
    ],
)
def test_what_cannot_be_served_is_said(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_without_any_run_the_page_opens_and_finds_one_that_appears(
    tmp_path: Path, static: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with opened(Runs(), static) as page:
        assert page.http.get("/").text == (static / "index.html").read_text()
        assert page.state()["runs"] == []
        (tmp_path / "empty" / "runs").symlink_to(home / "runs")
        assert page.run()["id"] == "vae"


def test_what_makes_no_pictures_is_left_out_of_all_and_refused_by_name(home: Path, static: Path) -> None:
    broken = home / "runs" / "broken" / "model"
    broken.mkdir(parents=True)
    (broken / "model.yaml").write_text(json.dumps({"format": 1}))
    (broken / "model.safetensors").write_bytes(b"")
    with opened(Runs(), static) as page:
        assert [run["id"] for run in page.state()["runs"]] == ["vae"]
    assert main(["studio", str(home / "runs" / "broken")]) == 2


def test_two_runs_of_one_name_have_two_ids(home: Path, static: Path) -> None:
    import shutil

    shutil.copytree(home / "runs" / "vae", home / "elsewhere" / "vae")
    named = [home / "runs" / "vae", home / "elsewhere" / "vae", Path("runs/vae"), home / "runs" / "vae" / "model"]
    with opened(Runs(named), static) as page:
        assert [run["id"] for run in page.state()["runs"]] == ["vae", "vae-2", "vae-model"]
