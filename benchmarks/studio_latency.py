"""From a slider's event to the new picture, in a real browser: python benchmarks/studio_latency.py RUN

Opens the studio with a run in headless Chromium, gives it a slider where it has none, moves it, and measures in the
page, with its own clock, from the input event until the picture that it asked for is drawn on the canvas. One move
at a time: the next begins when the picture is there. Prints the median and the 95th percentile in milliseconds.
"""

from __future__ import annotations

import argparse
import os
import threading
from pathlib import Path

import numpy as np
import torch
from playwright.sync_api import sync_playwright

import imaginable
from imaginable.apps._book import Book
from imaginable.latent.directions import Direction
from imaginable.studio.application import Studio
from imaginable.studio.guard import Door
from imaginable.studio.runs import Runs
from imaginable.studio.server import listen, server

FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
MEASURE = """async ({moves, before}) => {
  const slider = document.querySelector(".slider input[type=range]");
  const times = [];
  for (let move = 0; move < before + moves; move += 1) {
    slider.value = 2.9 * Math.sin(move + 1);
    const took = new Promise((done) => {
      const asked = performance.now();
      let wanted = null;
      document.addEventListener("imaginable:asked", (event) => { wanted = event.detail.seq; }, {once: true});
      document.addEventListener("imaginable:drawn", function drawn(event) {
        if (event.detail.seq < wanted) return;
        document.removeEventListener("imaginable:drawn", drawn);
        done(performance.now() - asked);
      });
    });
    slider.dispatchEvent(new Event("input", {bubbles: true}));
    const time = await took;
    if (move >= before) times.push(time);
    await new Promise((rest) => setTimeout(rest, 20));
  }
  return times;
}"""


def measured(url: str, chromium: str, moves: int) -> np.ndarray:
    """Milliseconds of each move; ten before them warm up and do not count."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(url)
        page.wait_for_selector(".frame canvas:not(.waiting)")
        times = page.evaluate(MEASURE, {"moves": moves, "before": 10})
        browser.close()
    return np.array(times)


def with_slider(run: Path) -> None:
    """The first number of the code as a slider, where the run has none."""
    model = imaginable.load(run)
    book = Book.of(model)
    if not book.directions:
        vector = torch.zeros(model.code_shape)
        vector.view(-1)[0] = 1.0
        book.add(Direction("first number", vector, "dimension", 1.0, "consistency", "for measuring"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a run's folder; it is given a slider if it has none")
    parser.add_argument("--moves", type=int, default=50)
    parser.add_argument("--chromium", default=os.environ.get("IMAGINABLE_CHROMIUM", "/usr/bin/chromium"))
    given = parser.parse_args()
    with_slider(given.run)
    listening = listen("127.0.0.1", 0)
    running = server(Studio(Runs([given.run]), Door()).application())
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        times = measured(f"http://127.0.0.1:{listening.getsockname()[1]}/", given.chromium, given.moves)
    finally:
        running.should_exit = True
        thread.join(30)
    median, late = np.median(times), np.quantile(times, 0.95)
    print(f"{given.run.name}: {len(times)} moves, median {median:.1f} ms, 95th percentile {late:.1f} ms")


if __name__ == "__main__":
    main()
