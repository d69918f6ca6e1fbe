"""Long work from the page: training and a photo's code, followed, cancelled, and what is wrong with what is asked."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from studio_page import Page, ask, design, frame, opened
from websockets.sync.client import ClientConnection

from imaginable.apps import _fast_encoder
from imaginable.studio import photos, trainings
from imaginable.studio.runs import Runs
from imaginable.training import checkpoint
from imaginable.training.run import Run


def followed(
    socket: ClientConnection, job: str, until: Callable[[dict[str, Any]], bool], seconds: float = 120
) -> dict[str, Any]:
    """The first note of a job of which `until` is true, with all that earlier ones said."""
    note: dict[str, Any] = {}
    while True:
        message = socket.recv(seconds)
        if isinstance(message, str) and json.loads(message).get("job") == job:
            note |= json.loads(message)
            if until(note) or over(note):
                return note


def over(note: dict[str, Any]) -> bool:
    return bool(note["state"] != "running")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of the smallest networks on few pictures, otherwise the very command."""
    whole = trainings.Training.command
    small = ["--width", "8", "--latents", "4", "--limit", "40", "--batch", "8", "--snapshot-every", "64"]
    monkeypatch.setattr(trainings.Training, "command", lambda self: whole(self) + small)


def test_a_training_is_followed_and_its_run_is_there(page: Page, quick: None) -> None:
    with page.socket() as socket:
        asked = {"data": "sneakers", "method": "vae", "minutes": 0.15, "size": 32, "run": "My shoes!"}
        job = page.told("/api/train", **asked)["job"]
        second = page.post("/api/train", **asked)
        assert second.status_code == 409
        assert "running already" in second.json()["error"]
        end = followed(socket, job, over)
        assert end["state"] == "done", end
        assert end["fraction"] == 1.0
        assert end["sample"].startswith("data:image/png;base64,")
        assert end["result"]["run"]["id"] == "my-shoes"
        assert "done" in end["line"]
        socket.send(ask(1, design(run="my-shoes")))
        while isinstance(message := socket.recv(10), str):
            assert json.loads(message)["type"] == "runs"
        assert frame(message).seq == 1
    assert page.run("my-shoes")["size"] == 32
    written = Run(Path("runs") / "My-shoes")
    assert written.report.exists()
    with page.socket() as later:  # a page that is opened afterwards is told too
        assert followed(later, job, over)["result"]["run"]["id"] == "my-shoes"


def test_a_cancelled_training_is_saved_and_goes_on_where_it_was(page: Page, quick: None) -> None:
    with page.socket() as socket:
        asked = {"data": "sneakers", "method": "vae", "minutes": 4, "size": 32, "run": "long"}
        job = page.told("/api/train", **asked)["job"]
        seen = followed(socket, job, lambda note: note["fraction"] > 0)
        assert 0 < seen["fraction"] < 0.5
        page.told(f"/api/jobs/{job}/cancel")
        end = followed(socket, job, over)
        assert end["state"] == "cancelled"
        assert "stopped and saved" in end["line"]
        assert "imaginable resume runs/long" in end["line"]
    run = Run(Path("runs") / "long")
    assert run.checkpoint.exists()
    stopped_at = run.lines()[-1]["seen"]
    assert checkpoint.load(run.checkpoint, print)["seen"] >= stopped_at > 0


def test_a_training_that_fails_says_why(page: Page, home: Path) -> None:
    (home / "photos").mkdir()
    Image.new("RGB", (16, 16)).save(home / "photos" / "only-one.png")
    with page.socket() as socket:
        job = page.told("/api/train", data="photos", method="vae", minutes=1, size=32, run="few")["job"]
        end = followed(socket, job, over)
    assert end["state"] == "failed"
    assert "photos" in end["error"]
    assert not end["error"].startswith("imaginable:")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"data": "/etc"}, "data"),
        ({"data": "runs"}, "data"),
        ({"method": "_classifier"}, "method"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": float(10**9)}, "minutes"),
        ({"size": 10**6}, "size"),
        ({"size": "64; rm"}, "size"),
        ({"method": "inversion_encoder"}, "method"),
        ({"run": " \t"}, "run"),
        ({"run": "a\nb"}, "run"),
        ({"run": ""}, "run"),
    ],
)
def test_a_training_nobody_can_want_is_refused(page: Page, wrong: dict[str, Any], said: str) -> None:
    asked = {"data": "sneakers", "method": "vae", "minutes": 1, "size": 32, "run": "x"} | wrong
    answer = page.post("/api/train", **asked)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert [path.name for path in Path("runs").iterdir()] == ["vae"]


def test_ending_the_studio_lets_a_training_save(home: Path, static: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    obeying = (
        "import pathlib, signal, sys, time\n"
        "def save(*_):\n"
        "    pathlib.Path('saved').touch()\n"
        "    sys.exit(130)\n"
        "signal.signal(signal.SIGINT, save)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    monkeypatch.setattr(trainings.Training, "command", lambda self: [sys.executable, "-c", obeying])
    with opened(Runs(), static) as page, page.socket() as socket:
        job = page.told("/api/train", data="sneakers", method="vae", minutes=1, size=32, run="x")["job"]
        assert followed(socket, job, lambda note: note["line"] == "ready")["state"] == "running"
    assert (home / "saved").exists()


# ---- photos


def photo(size: tuple[int, int] = (50, 40), kind: str = "PNG") -> bytes:
    box = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(box, kind)
    return box.getvalue()


def test_a_photo_is_found_and_can_be_edited(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    with page.socket() as socket:
        job = page.http.post("/api/runs/vae/photo", content=photo()).json()["job"]
        end = followed(socket, job, over)
        assert end["state"] == "done", end
        result = end["result"]
        assert result["error"] <= result["error_before"] + 1e-6
        assert result["yardstick"] > 0
        assert result["verdict"] == end["line"]
        assert "error of a mean picture" in result["verdict"] or "yardstick" in result["verdict"]
        code = {"start": {"code": result["code"]}}
        socket.send(ask(1, design(**code)))
        while isinstance(message := socket.recv(10), str):
            pass
    seen = Image.open(io.BytesIO(page.post("/api/runs/vae/picture", design=design(**code)).content))
    assert np.array_equal(np.asarray(seen), frame(message).pixels[..., :3])


def test_a_photo_for_a_generator_trains_an_encoder_first_and_can_be_cancelled(
    page: Page, trained: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained("dcgan"), Path("runs") / "dcgan")
    monkeypatch.setattr(_fast_encoder, "IMAGES", 100_000)
    with page.socket() as socket:
        assert page.run("dcgan")["encodes"] is False
        job = page.http.post("/api/runs/dcgan/photo", content=photo()).json()["job"]
        note = followed(socket, job, lambda note: note["fraction"] > 0)
        assert "encoder" in note["line"], note
        socket.send(ask(4, design(run="dcgan")))  # a slider does not wait for it
        while isinstance(message := socket.recv(20), str):
            pass
        assert frame(message).seq == 4
        page.told(f"/api/jobs/{job}/cancel")
        assert followed(socket, job, over)["state"] == "cancelled"


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims so many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "zero bytes"),
        (b"no picture at all", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (bomb(100_000, 100_000), "bomb"),
        (bomb(2**31 - 1, 2**31 - 1), "bomb"),
        (bomb(9_000, 9_000), "million"),
        (bomb(30_000_000, 1), "pixels"),
        (bomb(1, 30_000_000), "pixels"),
        (bomb(0, 0), "photo"),
        (photo()[:200], "photo cannot be used"),
        (photo(kind="JPEG")[:300], "photo cannot be used"),
    ],
)
def test_a_photo_that_is_none_is_refused_before_any_work(page: Page, raw: bytes, said: str) -> None:
    answer = page.http.post("/api/runs/vae/photo", content=raw)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert page.studio.jobs.news() == {}


def test_a_photo_of_500_megabytes_is_stopped_at_the_limit(page: Page) -> None:
    sent = 0

    def endless() -> Any:
        nonlocal sent
        for _ in range(500):
            sent += 1 << 20
            yield bytes(1 << 20)

    with contextlib.suppress(httpx.TransportError):  # it hangs up while we are still sending, or answers in time
        assert page.http.post("/api/runs/vae/photo", content=endless()).status_code == 413
    assert sent < 100 << 20, "most of it never left"
    assert sent > photos.MOST_BYTES
    assert page.http.get("/api/state").status_code == 200
    assert page.studio.jobs.news() == {}
