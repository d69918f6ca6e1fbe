"""A person at the studio's page: headless Chromium, driven by Playwright, before a server with two small models."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import torch
import uvicorn

import imaginable
from imaginable.apps._book import Book
from imaginable.latent.directions import Direction
from imaginable.studio.application import Studio
from imaginable.studio.guard import Door
from imaginable.studio.runs import Runs
from imaginable.studio.server import listen, server

CHROMIUM = Path(os.environ.get("IMAGINABLE_CHROMIUM", "/usr/bin/chromium"))
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
PATIENCE = 20_000  # milliseconds; the machine may be busy
MODELS = ("vae", "conditional_vae")
SMALL: dict[str, Any] = {
    "width": 8,
    "latents": 4,
    "size": 16,
    "limit": 40,
    "batch": 8,
    "images": 64,
    "precision": "float32",
}
# Which pictures were asked for and drawn, by pane, as the page announces them.
WITNESS = """
window.seen = {asked: [], drawn: []};
for (const what of ["asked", "drawn"])
  document.addEventListener(`imaginable:${what}`, ({detail}) => window.seen[what].push([detail.pane, detail.seq]));
"""
SETTLED = """() => {
  const last = (list) => Object.fromEntries(list);
  return seen.drawn.length > 0 && JSON.stringify(last(seen.asked)) === JSON.stringify(last(seen.drawn));
}"""


class Room:
    """The server. It can be ended and begun again at the same address, as after a crash."""

    def __init__(self, folder: Path, names: Sequence[str] = MODELS) -> None:
        self.folder = folder
        self.names = names
        self.port = 0
        self.begin()

    def begin(self) -> None:
        listening = listen("127.0.0.1", self.port)
        self.port = listening.getsockname()[1]
        runs = Runs([self.folder / "runs" / name for name in self.names])
        self.running: uvicorn.Server = server(Studio(runs, Door()).application())
        self._thread = threading.Thread(target=self.running.run, kwargs={"sockets": [listening]})
        self._thread.start()
        while not self.running.started:
            assert self._thread.is_alive()

    def end(self) -> None:
        self.running.should_exit = True
        self._thread.join(30)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


class Desk:
    """The page in front of a person, and what went wrong in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.elsewhere: list[str] = []
        self.errors: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.add_init_script(WITNESS)
        page.on("request", lambda request: self._went(request.url))
        page.on("websocket", lambda socket: self._went(socket.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None)

    def _went(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            self.elsewhere.append(url)

    def open(self, url: str) -> Desk:
        self.page.goto(url)
        self.settle()
        return self

    def settle(self) -> None:
        """Until what was asked for last is what is shown."""
        self.page.wait_for_selector(".frame canvas:not(.waiting)")
        self.page.wait_for_function(SETTLED)

    def picture(self, run: str = "vae") -> str:
        """What is to be seen, as text that can be compared."""
        self.settle()
        return str(self.page.locator(f'.pane[data-run="{run}"] canvas:not(.other)').evaluate("one => one.toDataURL()"))

    def slider(self, name: str) -> Any:
        return self.page.get_by_role("slider", name=name, exact=True)

    def amount(self, name: str) -> float:
        return float(self.slider(name).input_value())

    def move(self, name: str, steps: int) -> str:
        """With the arrow keys, a twentieth of a deviation each."""
        self.slider(name).focus()
        for _ in range(abs(steps)):
            self.page.keyboard.press("ArrowRight" if steps > 0 else "ArrowLeft")
        return self.picture()

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    def choose(self, of: str, what: str) -> None:
        """An entry of the menu under a button."""
        self.button(of).click()
        self.page.get_by_role("menuitem", name=what).click()

    def said(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def download(self, doing: Callable[[], None]) -> bytes:
        with self.page.expect_download() as download:
            doing()
        return Path(download.value.path()).read_bytes()

    def offer(self, button: str, file: Path) -> None:
        """A file through the button that asks for one."""
        with self.page.expect_file_chooser() as chooser:
            self.button(button).click()
        chooser.value.set_files(file)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there; name another with IMAGINABLE_CHROMIUM")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


def taught(run: Path, sliders: dict[str, float]) -> None:
    """Gives a model sliders, each along a number of its code of its own."""
    model = imaginable.load(run)
    book = Book.of(model)
    for number, (name, confidence) in enumerate(sliders.items()):
        vector = torch.zeros(model.code_shape)
        vector[number] = 1.0
        book = book.add(Direction(name, vector, "pointed", confidence, "accuracy", "20 clicks", named=True))


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, trained: Callable[[str], Path]) -> Path:
    """A VAE and a conditional one. Both know "sole"; the first knows a sure and an unsure slider besides."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(trained("vae"), folder / "runs" / "vae")
    imaginable.train("conditional_vae", "digits", run=str(folder / "runs" / "conditional_vae"), **SMALL)
    taught(folder / "runs" / "vae", {"sole": 0.95, "toe": 0.9, "laces": 0.55})
    taught(folder / "runs" / "conditional_vae", {"sole": 0.85})
    return folder


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("room")
    shutil.copytree(models, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        room = Room(folder)
        yield room
        room.end()


@pytest.fixture
def desk(browser: Any, room: Room) -> Iterator[Desk]:
    """The page as it opens. When a test is over, nothing may have gone elsewhere, and nothing wrong."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, accept_downloads=True)
    desk = Desk(context.new_page()).open(room.url)
    yield desk
    context.close()
    assert desk.elsewhere == []
    assert desk.errors == []
