"""The page for anomalies, used as a person would. Skipped without a browser."""

from __future__ import annotations

import base64
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from studio_desk import Desk, browser
from studio_judges import PICTURES, judges
from studio_page import Page, opened
from studio_translators import translators
from test_page_readable import check

from imaginable.apps import _calibration
from imaginable.studio.application import STATIC
from imaginable.studio.runs import Runs

__all__ = ["browser", "judges", "translators"]  # fixtures

FILES = """(files) => {
  const data = new DataTransfer();
  for (const [name, text] of files)
    data.items.add(new File([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))], name, {type: "image/png"}));
  return data;
}"""
PASTE = "(data) => document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}))"
LOADED = """() => [...document.querySelectorAll(".alarm img:not([hidden])")]
  .every((one) => one.complete && one.naturalWidth === 256)"""
PLACES = """() => [...document.querySelectorAll(".alarm")].map((one) => {
  const right = (part) => one.querySelector(part).getBoundingClientRect().right;
  return [one.dataset.verdict, right(".strip-score") > right(".strip-threshold")];
})"""


class Bench(Desk):
    """The page in front of a person with pictures in their hand."""

    def __init__(self, page: Any) -> None:
        super().__init__(page)
        self.answers: list[dict[str, Any]] = []
        page.on("response", self._answered)

    def _answered(self, response: Any) -> None:
        if response.url.endswith("/judge") and response.ok:
            self.answers.append(response.json())

    def show(self, url: str) -> Bench:
        self.page.goto(url)
        self.page.wait_for_selector("#runs button")
        return self

    def turn_to(self, run: str) -> None:
        """To a model's anomalies, when its thresholds are there."""
        if run == "draem":
            self.button(run).click()
        else:  # one with sliders
            self.page.locator(f'.pane[data-run="{run}"] .pane-name').click()
            self.button("Anomalies").click()
        self.ready()

    def ready(self) -> None:
        self.page.locator(".alarm-settings").wait_for()
        self.page.locator("#alarms .work-progress").wait_for(state="hidden")

    def hand(self, pictures: dict[str, bytes]) -> Any:
        given = [[name, base64.b64encode(raw).decode()] for name, raw in pictures.items()]
        return self.page.evaluate_handle(FILES, given)

    def drop(self, pictures: dict[str, bytes]) -> None:
        self.page.dispatch_event("body", "drop", {"dataTransfer": self.hand(pictures)})

    def found(self, count: int) -> list[Any]:
        """What is listed, when all of it is there."""
        self.page.wait_for_function("(count) => document.querySelectorAll('.alarm').length === count", arg=count)
        self.ready()
        return list(self.page.locator(".alarm").all())

    def names(self) -> list[str]:
        return list(self.page.locator(".alarm-name").all_text_contents())

    def choose_in(self, id: str, value: str) -> None:
        self.page.locator(f"#{id}").select_option(value)


@pytest.fixture(scope="module")
def served(judges: Path, tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Page]:
    """The two models, and a third that has only its weights."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(judges, folder, dirs_exist_ok=True)
    shutil.copytree(judges / "vae" / "model", folder / "bare" / "model")
    with opened(Runs([folder / name for name in ("draem", "vae", "bare")]), STATIC) as page:
        yield page


@pytest.fixture
def bench(browser: Any, served: Page) -> Iterator[Bench]:
    """When a test is over, nothing may have gone elsewhere, and nothing wrong."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    bench = Bench(context.new_page()).show(served.url)
    yield bench
    context.close()
    assert bench.elsewhere == []
    assert bench.errors == []


def test_dropped_pictures_are_listed_by_score_and_judged_anew_at_another_rate_without_a_request(bench: Bench) -> None:
    bench.turn_to("draem")
    bench.drop(PICTURES)
    rows = bench.found(len(PICTURES))
    bench.page.wait_for_function(LOADED)
    scores = {name: one["scores"]["own"]["score"] for name, one in zip(PICTURES, bench.answers, strict=True)}
    assert bench.names() == sorted(scores, key=lambda name: -scores[name])
    counts = []
    for rate in ("0.05", "0.2"):
        bench.choose_in("alarm-rate", rate)
        told = bench.page.evaluate(PLACES)
        assert all(beyond == (verdict == "anomalous") for verdict, beyond in told), "the strip says something else"
        counts.append(sum(verdict == "anomalous" for verdict, _ in told))
        many = "is" if counts[-1] == 1 else "are"
        conclusion = f"{counts[-1]} of {len(PICTURES)} pictures {many} anomalous."
        assert bench.page.locator(".alarm-conclusion").inner_text() == conclusion
    assert counts[0] <= counts[1]
    assert "which at most 20 % of good pictures exceed" in bench.page.locator(".alarm-results").inner_text()
    assert len(bench.answers) == len(PICTURES), "something was scored anew"
    assert "threshold" in rows[0].locator(".alarm-numbers").inner_text()


def test_another_score_has_another_order_and_heat_map_and_says_how_well_it_tells_defects(bench: Bench) -> None:
    bench.turn_to("vae")
    bench.page.evaluate(PASTE, bench.hand({"pasted.png": PICTURES["noise.png"]}))
    bench.found(1)
    bench.drop({name: raw for name, raw in PICTURES.items() if name != "noise.png"})
    bench.found(len(PICTURES))
    names = ["pasted.png", *(name for name in PICTURES if name != "noise.png")]
    shown = set()
    for score in ("rebuilt-worst", "rebuilt-features", "mahalanobis", "combined"):
        bench.choose_in("alarm-score", score)
        values = dict(zip(names, (one["scores"][score]["score"] for one in bench.answers), strict=True))
        assert bench.names() == sorted(values, key=lambda name: -values[name])
        noise = bench.page.locator(".alarm", has_text="pasted.png").locator("img").nth(1)
        shown.add(noise.get_attribute("src"))
        said = bench.page.locator(".alarm-settings").inner_text()
        assert "AUROC" in said
        assert ("The heat maps are those of" in said) == (score in ("mahalanobis", "combined"))
    heats = {name: f"/api/brought/{id}.png" for name, id in bench.answers[0]["heats"].items()}
    assert {heats["rebuilt-worst"], heats["rebuilt-features"]} <= shown <= set(heats.values())
    bench.button("Back to the sliders").click()
    bench.page.locator("#alarms").wait_for(state="hidden")
    assert bench.page.get_by_role("button", name="Keep").is_visible()
    bench.button("Anomalies").click()
    assert len(bench.names()) == len(PICTURES), "what was found is still there"
    bench.button("Clear").click()
    assert bench.page.evaluate('document.activeElement.className === "drop"')
    gone = bench.page.request.get(f"{bench.page.url}api/brought/{bench.answers[0]['picture']}.png")
    assert gone.status == 400


def test_files_that_are_no_pictures_are_named_and_the_rest_goes_on(browser: Any, served: Page, tmp_path: Path) -> None:
    inner = tmp_path / "given" / "inner"
    inner.mkdir(parents=True)
    (inner / "digit.png").write_bytes(PICTURES["digit-0.png"])
    (inner / "broken.png").write_bytes(PICTURES["digit-1.png"][:150])
    (inner / "notes.txt").write_text("no picture")
    (inner / ".hidden").write_text("not looked at")
    bench = Bench(browser.new_page()).show(served.url)
    bench.turn_to("draem")
    with bench.page.expect_file_chooser() as chooser:
        bench.button("Choose a folder").click()
    chooser.value.set_files(tmp_path / "given")
    bench.found(1)
    assert bench.names() == ["given/inner/digit.png"]
    left = bench.page.locator(".alarm-left li")
    assert sorted(left.all_text_contents())[1] == "given/inner/notes.txt: the picture cannot be used: not a picture"
    assert left.count() == 2
    bench.page.reload()  # the page is that of the same model, and nothing of the pictures is left
    bench.ready()
    assert bench.page.locator("#alarms .drop").is_visible()
    assert bench.page.get_by_role("heading", name="Anomalies by draem").is_visible()
    bench.page.close()
    assert len(bench.errors) == 2, "the refusals alone"


def test_a_dropped_folder_is_looked_through(bench: Bench, tmp_path: Path) -> None:
    for name, folder in (("digit-0.png", "good"), ("digit-1.png", "good/more"), ("noise.png", ".cache")):
        (tmp_path / "parts" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "parts" / folder / name).write_bytes(PICTURES[name])
    (tmp_path / "alone.png").write_bytes(PICTURES["digit-2.png"])
    bench.turn_to("draem")
    hand = bench.page.context.new_cdp_session(bench.page)
    given = [str(tmp_path / "parts"), str(tmp_path / "alone.png")]
    data = {"items": [], "files": given, "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        hand.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 400, "data": data})
    bench.found(3)
    assert set(bench.names()) == {"parts/good/digit-0.png", "parts/good/more/digit-1.png", "alone.png"}


def test_why_a_model_judges_nothing_is_said(bench: Bench) -> None:
    bench.button("bare").click()
    bench.page.locator('.pane[data-run="bare"] .pane-name').click()
    bench.button("Anomalies").click()
    bench.said("is a model without its run, so its training data is not known")
    assert bench.button("Try again").is_visible()
    assert not bench.page.locator("#alarms .drop").is_visible()
    bench.button("draem").click()
    bench.ready()
    assert bench.page.locator("#alarms .drop").is_visible()


def test_from_painting_to_anomalies_and_back(browser: Any, translators: Path) -> None:
    with opened(Runs([translators / "inpainting", translators / "pix2pix"]), STATIC) as served:
        bench = Bench(browser.new_page()).show(served.url)
        bench.button("Anomalies").click()
        bench.said("a model without its run")
        assert not bench.page.locator("#work").is_visible()
        bench.button("Back to painting").click()
        assert bench.page.locator("#work .drop").is_visible()
        bench.button("pix2pix").click()
        assert bench.button("Anomalies").count() == 0, "it says nothing of them"
        bench.page.close()
        assert bench.errors == []


def test_pictures_wait_while_a_model_is_calibrated_which_can_be_cancelled(
    browser: Any, judges: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(judges / "draem", tmp_path / "draem")
    calibrated, go = _calibration.calibrated, threading.Event()

    def slowly(scorers: Any, pictures: Any, on_progress: Any, **how: Any) -> Any:
        while not go.wait(0.05):
            on_progress(1, 4)
        return calibrated(scorers, pictures, on_progress, **how)

    monkeypatch.setattr(_calibration, "calibrated", slowly)
    with opened(Runs([tmp_path / "draem"]), STATIC) as served:
        bench = Bench(browser.new_page())
        bench.page.goto(served.url)  # the only model there is: its page at once
        bench.said("good pictures held out from training, once …")
        bench.page.wait_for_function("() => document.querySelector('#alarms progress').value === 0.25")
        bench.button("Cancel").click()
        bench.said("This was cancelled.")
        bench.button("Try again").click()
        bench.said("good pictures held out from training, once …")
        bench.drop({"digit.png": PICTURES["digit-0.png"]})
        assert bench.page.locator(".alarm").count() == 0
        go.set()
        bench.found(1)
        bench.page.close()
        assert bench.errors == []


def test_all_of_it_is_reached_by_keys(bench: Bench) -> None:
    bench.turn_to("vae")
    bench.drop({"digit.png": PICTURES["digit-0.png"]})
    bench.found(1)
    reached = set()
    for _ in range(30):
        bench.page.keyboard.press("Tab")
        reached.add(
            bench.page.evaluate(
                "(({ariaLabel, labels, textContent}) => ariaLabel || labels?.[0]?.textContent || textContent.trim())"
                "(document.activeElement)"
            )
        )
    wanted = {"Skip to the pictures", "Back to the sliders", "Score", "False alarms", "Add pictures", "Clear"}
    assert wanted | {"Choose a folder", "See digit.png large"} <= reached
    bench.button("See digit.png large").focus()
    bench.page.keyboard.press("Enter")
    lines = bench.page.locator("dialog tbody th").all_text_contents()
    assert set(lines) == set(bench.answers[0]["scores"])
    bench.page.keyboard.press("Escape")
    bench.page.locator("dialog").wait_for(state="detached")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_is_readable(browser: Any, served: Page, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 860}, color_scheme=scheme, reduced_motion="reduce"
    )
    bench = Bench(context.new_page()).show(served.url)
    bench.turn_to("vae")
    problems = check(bench, f"anomalies-{width}-{scheme}-empty")
    bench.drop({**PICTURES, "a-name-that-is-as-long-as-any-name-of-a-file-may-be-here.png": b"no picture"})
    bench.found(len(PICTURES))
    problems += check(bench, f"anomalies-{width}-{scheme}-found")
    bench.page.locator(".alarm-pictures").first.click()
    bench.page.locator("dialog table").wait_for()
    problems += check(bench, f"anomalies-{width}-{scheme}-large")
    context.close()
    assert problems == []
