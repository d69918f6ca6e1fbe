"""Time and memory of the metrics between sets of features.

    python benchmarks/metrics.py            about two minutes
    python benchmarks/metrics.py --large    50,000 x 2,048 features as memory maps instead: about fifteen minutes

The Fréchet distance of given moments is compared with the usual route, scipy's square root of the product of the
covariances: the same moments, one after the other in one process, three rounds, medians. All other rows are a process
each; its peak memory counts everything: Python, the features (memory maps included) and the metric.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import sqrtm

from imaginable.metrics.frechet import Moments, frechet_distance, frechet_of_moments, moments
from imaginable.metrics.kernel import kernel_distance
from imaginable.metrics.manifold import manifold

METRICS: dict[str, Callable[[Any, Any], Any]] = {
    "frechet_distance": frechet_distance,
    "manifold": manifold,
    "kernel_distance": kernel_distance,
}
ROUNDS = 3
GIB = 2**20
"""in kilobytes, the unit of ru_maxrss"""


def features(n: int, d: int, seed: int, folder: str | None = None) -> Any:
    """(n, d) float32 with a spectrum that falls off, as that of features does; in a file if there is a folder."""
    path = Path(folder, f"{seed}.npy") if folder else None
    shape, kind = (n, d), np.float32
    found = np.lib.format.open_memmap(path, "w+", kind, shape) if path else np.empty(shape, kind)
    random = np.random.default_rng(seed)
    scale = (np.arange(1, d + 1) ** -0.5).astype(kind)
    for start in range(0, n, 1000):
        found[start : start + 1000] = random.standard_normal(found[start : start + 1000].shape, kind) * scale
    found[:, 0] += seed
    return found


def by_square_root(one: Moments, two: Moments) -> float:
    shift = np.square(one.mean - two.mean).sum()
    return float(shift + np.trace(one.covariance + two.covariance - 2 * sqrtm(one.covariance @ two.covariance).real))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def compared(n: int, d: int) -> str:
    one, two = (moments(features(n, d, seed)) for seed in (0, 1))
    ours, usual, values = [], [], (0.0, 0.0)
    for _ in range(ROUNDS):
        seconds, value = timed(lambda: frechet_of_moments(*one, *two))
        ours.append(seconds)
        seconds, other = timed(lambda: by_square_root(one, two))
        usual.append(seconds)
        values = (value, other)
    a, b = statistics.median(ours), statistics.median(usual)
    apart = abs(values[0] / values[1] - 1)
    return f"{a:.2f} s, by sqrtm {b:.2f} s: ratio {b / a:.1f}, values {apart:.0e} apart"


def measured(name: str, n: int, d: int, folder: str | None = None) -> str:
    first, second = (features(n, d, seed, folder) for seed in (0, 1))
    seconds, _ = timed(lambda: METRICS[name](first, second))
    return f"{seconds:.1f} s, peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIB:.2f} GiB"


def report(title: str, function: Callable[..., str], *arguments: Any) -> None:
    """One row, made in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            row = pool.submit(function, *arguments).result()
        except Exception as error:
            row = f"failed: {error!r}"
    print(f"{title:34}{row}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="50,000 x 2,048 features as memory maps instead")
    if parser.parse_args().large:
        for name in METRICS:
            with tempfile.TemporaryDirectory() as folder:
                report(f"{name} 50000 x 2048", measured, name, 50_000, 2048, folder)
        return
    report("frechet_of_moments 2048", compared, 10_000, 2048)
    for d in (2048, 128):
        for name in METRICS:
            report(f"{name} 10000 x {d}", measured, name, 10_000, d)


if __name__ == "__main__":
    main()
