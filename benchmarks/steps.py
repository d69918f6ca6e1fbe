"""How much faster a training step is here than in its ordinary form, on one CPU thread.

    python benchmarks/steps.py [--only dcgan vae] [--rounds 12] [--untouched]

Ordinary is what tutorials ship, written out in ordinary.py; ours is the training loop's own cycle. Same
networks, algorithm and batch; ours also reads the data, seeds its draws, checks losses and averages weights.

The two take turns in one process, one thread; what counts is the median of the rounds' ratios of process
CPU time. Ours sets malloc and the precision of float32 products for the whole process, so every turn begins
with its own settings and an untimed step. The ordinary turn's are the defaults, those of glibc at the ceiling
its thresholds climb to by themselves (mmap from 32 MiB, trim at 64 MiB), after free memory was handed back.
--untouched also times the ordinary step in a fresh process in which none of this was ever called. Measured:
page faults of a step 823 000 here, 842 000 there (vae-256); times 0.82 to 1.02 of those there, so that the
ratios printed are rather too low than too high.
"""

import argparse
import dataclasses
import math
import resource
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from imaginable.core import fast
from imaginable.core.types import DataSpec, Kind
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.drawn import sneakers
from imaginable.methods._method import find
from imaginable.methods.stylegan2 import Stylegan2
from imaginable.training.feed import Feed
from imaginable.training.job import Job, Training
from imaginable.training.state import State
from ordinary import Step, ordinary_item, ordinary_settings, ordinary_step

SRGAN = {"vary": False, "crop": 64, "width": 32, "blocks": 8, "judge_width": 16, "feature_width": 8}
"""its preset `small`, of crops as they are"""
SMALL = (3, 32, 32)
"""the presets `small` of the newer GANs are meant for this size"""
LEAST_TURN = 0.2
"""seconds; shorter steps are repeated, or a turn would measure the caches that the other one left cold"""


@dataclass(frozen=True)
class Row:
    method: str
    batch: int
    shape: tuple[int, int, int] = (3, 64, 64)
    options: dict[str, Any] = field(default_factory=dict)
    target: float | None = None
    at: float = 0.0
    """the fraction of the run whose step it is, for methods of several stages"""

    def ordinary(self) -> Step:
        data, method = self.data(), find(self.method)(**self.options)
        one = ordinary_step(method, data.spec, Feed(data, self.batch, 0, False).batch(0), self.at)

        def step() -> None:
            for _ in range(self.period):
                one()

        return step

    @property
    def period(self) -> int:
        """Cycles until the same is done again."""
        return int(self.options.get("penalty_every", 1))

    def ours(self) -> Step:
        data, training = self.data(), Training(images=10**6, batch=self.batch, device="cpu")
        job = Job(find(self.method)(**self.options), DataOptions("noise"), training, "nowhere")
        state, feed = State(job, data.spec), Feed(data, self.batch, 0, False)
        state.seen = round(self.at * training.images)

        def step() -> None:
            for _ in range(self.period):
                state.cycle(feed, training.images)

        return step

    def data(self) -> Dataset:
        channels, height, width = self.shape
        noise = np.random.default_rng(0).integers(0, 256, (1000, height, width, channels), np.uint8)
        if (kind := next(iter(find(self.method).consumes))) in ("pairs", "domains"):
            return couples(noise, kind)
        return dataset(noise)


ROWS = {
    "dcgan": Row("dcgan", 64, target=1.95),
    "vae": Row("vae", 64, target=1.5),
    "vae-256": Row("vae", 256, target=2.5),
    "vae-mlp": Row(
        "vae", 128, (1, 28, 28), {"network": "mlp", "hidden": 500, "latents": 20, "output": "bernoulli"}, 1.5
    ),
    "gan": Row("gan", 128, SMALL, target=1.9),
    "lsgan": Row("lsgan", 64, target=1.9),
    "wgan": Row("wgan", 64, target=1.9),
    "wgan_gp": Row("wgan_gp", 64, target=1.9),
    "sngan": Row("sngan", 64, SMALL, {"width": 32, "critic_steps": 2}, 2.0),
    "sagan": Row("sagan", 64, SMALL, {"width": 64}, 2.0),
    "biggan": Row("biggan", 64, SMALL, {"width": 16, "critic_steps": 1}, 2.0),
    "r3gan": Row("r3gan", 64, SMALL, {"width": 16}, 2.0),
    "r3gan-lazy": Row("r3gan", 64, SMALL, {"width": 16, "penalty_every": 4}, 2.0),
    "stylegan2": Row("stylegan2", 32, options={**Stylegan2.presets["small"], "penalty_every": 16}, target=2.5),
    "autoencoder": Row("autoencoder", 64),
    "pix2pix": Row("pix2pix", 64, options={"width": 32, "shift": 0.0}, target=1.8),
    "cyclegan": Row("cyclegan", 4, options={"width": 32, "blocks": 4}, target=1.8),
    "srgan-pixel": Row("srgan", 64, (3, 128, 128), SRGAN, 1.8, at=0.5),
    "srgan-sharp": Row("srgan", 64, (3, 128, 128), SRGAN, 1.8, at=0.9),
    "inpainting": Row("inpainting", 64, options={"width": 12, "judge_width": 16}, target=1.8, at=0.5),
}


def dataset(items: np.ndarray) -> Dataset:
    count, height, width, channels = items.shape
    spec = DataSpec("images", (channels, height, width), count=count)
    none, names = np.zeros((count, 0), np.float32), tuple(map(str, range(count)))
    return Dataset(spec, items, np.full(count, -1), none, names, np.arange(count), np.arange(0))


def couples(items: np.ndarray, kind: Kind) -> Dataset:
    """The first half as A, the second as B."""
    half = dataset(items[: len(items) // 2])
    spec = dataclasses.replace(half.spec, kind=kind, target_shape=half.spec.shape)
    return dataclasses.replace(half, spec=spec, targets=items[len(items) // 2 :], target_train=half.train)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names = [*ROWS, "pipeline", "memory"]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--untouched", action="store_true", help="also the ordinary step in a fresh process")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if "memory" in chosen.only:  # first: a child's peak counts from its parent's
        report_memory(apart(peak_memory) / 2**30)
    print(f"{'':12}{'ordinary':>10}{'ours':>10} images/s   ratio (quartiles)   rounds   target / reached")
    for name in [name for name in ROWS if name in chosen.only]:
        row = ROWS[name]
        times = compare(row.ordinary(), row.ours(), chosen.rounds)
        report(name, times, row.batch * row.period, row.target)
        if chosen.untouched:
            share = statistics.median(slow for slow, _ in times) / apart(alone, name, chosen.rounds)
            print(f"{'':12}the ordinary step took {share:.2f} of its time in an untouched process")
    if "pipeline" in chosen.only:
        report("pipeline", pipeline(chosen.rounds), 64, 20.0)


def report_memory(peak: float) -> None:
    verdict = "reached" if peak < 2.5 else "MISSED"
    print(f"memory: a dcgan run (64 px, batch 64, two threads) peaks at {peak:.2f} GiB, target < 2.5 {verdict}")


def report(name: str, times: list[tuple[float, ...]], images: int, target: float | None) -> None:
    ordinary, ours = (images / statistics.median(taken) for taken in zip(*times, strict=True))
    low, ratio, high = statistics.quantiles([slow / quick for slow, quick in times], n=4)
    verdict = f"{target:.2f} {'reached' if ratio >= target else 'MISSED'}" if target else "none"
    figures = f"{ordinary:10.0f}{ours:10.0f}{ratio:16.2f} ({low:.2f} .. {high:.2f}){len(times):9}"
    print(f"{name:12}{figures}   {verdict}", flush=True)


def compare(ordinary: Step, ours: Step, rounds: int) -> list[tuple[float, ...]]:
    """CPU seconds a step of both, round by round."""
    turn(ordinary_settings, ordinary, 1)
    often = math.ceil(LEAST_TURN / turn(fast.tune_process, ours, 3))
    both = (ordinary_settings, ordinary), (fast.tune_process, ours)
    return [tuple(turn(settings, step, often) for settings, step in both) for _ in range(rounds)]


def turn(settings: Step, step: Step, often: int) -> float:
    settings()
    step()
    return seconds(step, often)


def seconds(step: Step, often: int) -> float:
    start = time.process_time()
    for _ in range(often):
        step()
    return (time.process_time() - start) / often


def apart(measure: Any, *arguments: Any) -> Any:
    """What the function returns in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def alone(name: str, rounds: int) -> float:
    """Median seconds of the ordinary step."""
    torch.set_num_threads(1)
    step = ROWS[name].ordinary()
    seconds(step, 3)
    often = math.ceil(LEAST_TURN / seconds(step, 3))
    return statistics.median(seconds(step, often) for _ in range(rounds))


def peak_memory() -> int:
    """Bytes that a short DCGAN run needs at its worst."""
    torch.set_num_threads(2)
    fast.tune_process()
    seconds(ROWS["dcgan"].ours(), 30)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def pipeline(rounds: int) -> list[tuple[float, ...]]:
    """Batches of 64 pictures of 64 px: from JPEG files of 256 px every time, and from the cached array."""
    drawn, _ = sneakers(256, 256)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.jpg" for number in range(len(drawn))]
        for path, picture in zip(paths, drawn, strict=True):
            Image.fromarray(picture).save(path, quality=90)
        # 10 000 pictures: too many for the processor's caches
        np.save(Path(folder) / "cache.npy", np.tile(drawn[:, ::4, ::4], (40, 1, 1, 1)))
        cached = dataset(np.load(Path(folder) / "cache.npy", mmap_mode="r"))
        random = np.random.default_rng(0)

        def decode() -> None:
            torch.stack([ordinary_item(paths[index], 64) for index in random.integers(len(paths), size=64)])

        def look_up() -> None:
            cached.batch(random.integers(len(cached.items), size=64))

        return compare(decode, look_up, rounds)


if __name__ == "__main__":
    main()
