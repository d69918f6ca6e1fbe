"""How fast pictures are scored for anomalies, against encoding and decoding alone, on one CPU thread; and the memory.

    python benchmarks/scoring.py [--run RUN] [--pictures 10000] [--few 2000] [--only default rebuilt-mean ...]

Without a run: a `vae` with its defaults at 64 px, trained for a moment on drawn sneakers; how good it is does not
matter here. Sneakers it has not seen are written as PNG files into a temporary folder, and the verb goes through them
from end to end: reading the files, scores, table, heat maps, page.

After every block of 64 the same pixels are also encoded and decoded, nothing else, and that time is taken off: so both
are measured in one process, in turns. Times are CPU seconds (the wall time of a quiet machine). The ratio is that of
the pictures a second, above 0.5 wanted for the default score. `scoring alone` leaves out what a call needs once
(loading the model, reading what was calibrated), reading the files and writing the results. All pictures go through the
default score; the others, each by itself, through the first --few. Peak memory is that of a process of its own each.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch

import imaginable as im
from imaginable.apps import anomalies as verb
from imaginable.apps._alarms import Alarms, Kept
from imaginable.apps._detector import Detector
from imaginable.core import fast
from imaginable.data import images
from imaginable.data.drawn import sneakers

SIZE, DRAWN_AT_ONCE = 64, 500


@dataclass
class Taken:
    """CPU seconds: of encoding and decoding alone, of scoring alone, of the whole call without the first."""

    plain: float = 0.0
    scoring: float = 0.0
    whole: float = 0.0


def trained(folder: Path) -> Path:
    im.train("vae", "sneakers", run=str(folder), size=SIZE, limit=1_000, images=640, seed=0)
    return folder


def drawn(folder: Path, count: int) -> Path:
    """So many PNG files of sneakers."""
    for start in range(0, count, DRAWN_AT_ONCE):
        pictures, _ = sneakers(min(DRAWN_AT_ONCE, count - start), SIZE, seed=1 + start)
        for number, picture in enumerate(pictures, start=start):
            images.save(folder / f"{number:05d}.png", picture, None)
    return folder


def scored(run: Path, pictures: Path, score: str, out: Path) -> Taken:
    """One call of the verb, with encoding and decoding alone after every block."""
    taken = Taken()
    model = im.load(run)

    class Watched(Alarms):
        def judge(self, pixels: np.ndarray, names: list[str]) -> list[Kept]:
            start = time.thread_time()  # the threads that read files go on meanwhile
            kept = super().judge(pixels, names)
            middle = time.thread_time()
            model.decode_tensor(model.encode_tensor(images.to_float(pixels)))
            taken.scoring += middle - start
            taken.plain += time.thread_time() - middle
            return kept

    start = time.process_time()
    with mock.patch.object(verb, "Alarms", Watched):
        verb.anomalies(run, str(pictures), out=out, score=score, say=lambda line: None)
    taken.whole = time.process_time() - start - taken.plain
    return taken


def report(name: str, count: int, taken: Taken) -> None:
    speeds = [count / seconds for seconds in (taken.plain, taken.whole, taken.scoring)]
    ratios = f"{speeds[1] / speeds[0]:8.2f}{speeds[2] / speeds[0]:15.2f}"
    print(f"{name:22}{count:9,}{speeds[0]:12.0f}{speeds[1]:12.0f}{ratios}", flush=True)


def subset(pictures: Path, folder: Path, count: int) -> Path:
    folder.mkdir()
    for path in sorted(pictures.iterdir())[:count]:
        (folder / path.name).symlink_to(path)
    return folder


def peak(run: Path, pictures: Path, out: Path) -> float:
    """MiB that one call needs at its worst."""
    torch.set_num_threads(1)
    verb.anomalies(run, str(pictures), out=out, say=lambda line: None)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def peaks(run: Path, folders: dict[int, Path], out: Path) -> None:
    """Each in a new process, which inherits nothing."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for count, folder in folders.items():
            print(f"peak memory with {count:6,} pictures: {pool.apply(peak, (run, folder, out)):,.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--few", type=int, default=2_000)
    parser.add_argument("--only", nargs="*", metavar="SCORE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    fast.tune_process()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        run = options.run or trained(root / "run")
        (root / "pictures").mkdir()
        many = drawn(root / "pictures", options.pictures)
        few = subset(many, root / "few", options.few)
        detector = Detector.of(im.load(run), run)
        print(f"\n{'score':22}{'pictures':>9}{'enc + dec':>12}{'anomalies':>12}   ratio  scoring alone")
        for name in options.only or ["default", *detector.names]:
            score, folder = (detector.default, many) if name == "default" else (name, few)
            label = f"default: {detector.default}" if name == "default" else name
            count = options.pictures if folder == many else options.few
            report(label, count, scored(run, folder, score, root / "out"))
        peaks(run, {options.few: few, options.pictures: many}, root / "out")


if __name__ == "__main__":
    main()
