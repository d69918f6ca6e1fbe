"""Which pictures are unlike those that a model learned from, and where."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from imaginable import model as models
from imaginable.apps import _alarm_files, _folder
from imaginable.apps._alarms import Alarms, Judged
from imaginable.apps._calibration import LookFor
from imaginable.apps._detector import RATE, Detector
from imaginable.apps._pictures import Say
from imaginable.apps._progress import Counter
from imaginable.core.errors import RunFailed, UserError
from imaginable.data.dataset import DataOptions
from imaginable.data.decode import extensions
from imaginable.data.items import Item, Source
from imaginable.data.sources import open_source
from imaginable.data.survey import Examined, examine

SHOWN = 200
BLOCK = 64
"""pictures that are scored at once"""


def anomalies(
    run: Path,
    pictures: str,
    *,
    out: Path | None = None,
    rate: float = RATE,
    score: str = "auto",
    every: bool = False,
    calibrate: str | None = None,
    look_for: LookFor = "parts",
    shown: int = SHOWN,
    say: Say = print,
) -> list[Judged]:
    """Scores a picture, a folder, a zip or an npz by a model that learned from good pictures alone.

    Writes scores.csv (file, score, verdict), heat maps over the pictures, and anomalies.html, the highest score first;
    returns what was judged, in that order.

    rate: of good pictures, how many may be called anomalous: the threshold is set on good ones held out from training,
    so that on average no more are. calibrate: good pictures to set it on instead, a folder or zip; needed where what is
    judged comes from other objects, days or cameras than what was trained on, or the promise does not hold. score:
    which of the model's scores; auto is the one that tells made anomalies best, found once on the same good pictures.
    look_for: made anomalies that are small defects (parts), or pictures that are strange as a whole (wholes).
    every: all other scores as well, in the csv. shown: of so many pictures, the highest ones, the heat map is written
    and shown.
    """
    if not 0 < rate < 1:
        raise UserError(f"--rate {rate:g}: a share between 0 and 1 was expected, such as 0.05")
    if shown < 0:
        raise UserError(f"--shown {shown}: a number from 0 on was expected")
    out = out or Path(run) / "anomalies"
    _alarm_files.refuse_strange(out)
    with _opened(pictures) as source:
        source = _without_results(source, out, say)
        detector = Detector.of(models.load(run), run, say, calibrate=calibrate, look_for=look_for)
        alarms = Alarms(detector, detector.name(score), rate, every, shown)
        for line in [*detector.described, alarms.rule]:
            say(line)
        try:
            _judge_all(source, alarms, say)
        except KeyboardInterrupt:
            say(f"stopped: {len(alarms.judged):,} of {len(source.items):,} pictures were scored")
            _alarm_files.write(alarms, out, pictures)
            raise
    if not alarms.judged:
        raise RunFailed(f"{pictures}: no readable picture among {len(source.items):,}: nothing was scored")
    _alarm_files.write(alarms, out, pictures)
    say(alarms.conclusion)
    say(f"scores of all: {out / _alarm_files.TABLE}; the {len(alarms.kept):,} highest: {out / _alarm_files.PAGE}")
    return alarms.ranked


def _judge_all(source: Source, alarms: Alarms, say: Say) -> None:
    """Block after block, so that memory does not grow with their number; bad files are named and left out."""
    shape, sizes = alarms.detector.model.shape, Count[tuple[int, int]]()
    block: list[Examined] = []

    def judge() -> None:
        if block:
            pixels = np.stack([one.decoded.pixels for one in block if one.decoded is not None])
            alarms.judge(pixels, [one.item.name for one in block])
            block.clear()

    with Counter(len(source.items), say) as counter:
        for number, one in enumerate(examine(source, shape)):
            if one.decoded is None:
                say(f"left out {one.item.name}: {one.why}")
                alarms.unreadable[one.item.name] = one.why
                continue
            sizes[one.decoded.width, one.decoded.height] += 1
            block.append(one)
            if len(block) == BLOCK:
                judge()
                counter.show(number + 1)
        judge()
    for line in alarms.detector.unlike(sizes):
        say(line)


@contextmanager
def _opened(pictures: str) -> Iterator[Source]:
    """Any source, or a single picture."""
    path = Path(pictures).expanduser()
    if path.is_file() and path.suffix.lower() in extensions():
        yield Source("folder", str(path.parent), (Item(path.name),), lambda item: path.read_bytes())
        return
    with open_source(DataOptions(pictures)) as source:
        if source.points:
            raise UserError(f"{pictures}: these are points, no pictures")
        yield source


def _without_results(source: Source, out: Path, say: Say) -> Source:
    """Heat maps of an earlier call, where they lie among the pictures, are no pictures to be judged."""
    root = Path(source.where).expanduser()
    if source.kind != "folder" or root.resolve() not in out.resolve().parents:
        return source
    kept = tuple(item for item in source.items if not _folder.is_below(root / item.name, out))
    if len(kept) < len(source.items):
        say(f"left out {len(source.items) - len(kept):,} pictures in {out}: taken for results from before")
    return replace(source, items=kept)
