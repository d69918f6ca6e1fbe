"""Whether the figures of `imaginable evaluate` see what they should, in the right order, and what the verdicts say.

    python benchmarks/sensitivity.py DATA [--size 28] [-n 2000]        Fashion-MNIST: three minutes

Takes real pictures for samples and makes them worse in five strengths each: blurred, noisy, without some classes (of
data with ten or more), with repeats, with copies of training pictures. A stronger degradation does more of the same to
the same pictures. The classifier is trained on a quarter of the training part, which is also where copies are looked
for; the rest is the pool that samples come from, with every class as often as among the held-out pictures. So samples
that nothing was done to are those of a perfect model.

Prints a table of each degradation with the figures that should see it marked, and the verdicts between neighbouring
strengths of the first of those.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from imaginable.apps import _features
from imaginable.apps._features import Kind
from imaginable.apps._items import Items
from imaginable.apps._of_samples import Drawn
from imaginable.apps._reference import Reference, blur, noise
from imaginable.apps._rows import Row, number
from imaginable.apps._verdicts import verdict
from imaginable.core import seeds
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare

SEED = 0
LEAST_CLASSES = 10
NONE = "none"
"""the strength of samples that nothing was done to"""

RISES, FALLS = 1, -1


@dataclass(frozen=True)
class Real:
    """Real pictures beside the reference. pool: their indices, of which the first n are the samples."""

    reference: Reference
    pool: np.ndarray
    n: int

    def show(self, index: np.ndarray) -> np.ndarray:
        return self.reference.items.show(index)

    @cached_property
    def samples(self) -> np.ndarray:
        return self.show(self.pool[: self.n])

    @cached_property
    def order(self) -> np.ndarray:
        """Of the samples: those in front make way first, so that more of them do when a degradation is stronger."""
        return _random("order").permutation(self.n)


def deal(options: DataOptions, dataset: Dataset, n: int, kind: Kind = "auto") -> Real:
    """At most n held-out items, and a pool with at least as many that are neither held out nor trained on."""
    shuffled = _random("deal").permutation(dataset.train)
    training, pool = np.split(shuffled, [len(shuffled) // 4])
    # the classifier is kept by this key, which must tell it from one trained on all of them
    manifest = dataset.manifest | {"digest": f"{dataset.manifest['digest']}, a quarter dealt by {SEED}"}
    dealt = dataclasses.replace(dataset, train=np.sort(training), manifest=manifest)
    held_out = _random("held out").permutation(dataset.held_out)
    n = min(n, len(held_out), len(pool))
    items = Items(options, dealt, np.sort(held_out[:n]), f"{n:,} held-out items of {options.source}")
    reference = Reference(items, _features.choose(kind, options, dealt, None, print), SEED)
    return Real(reference, interleaved(pool, dataset.labels, items.index), n)


def interleaved(pool: np.ndarray, labels: np.ndarray, like: np.ndarray) -> np.ndarray:
    """The pool so ordered that every beginning of it has the classes as often as the items `like` have them."""
    place = np.empty(len(pool))
    for label in np.unique(labels[pool]):
        members, share = np.flatnonzero(labels[pool] == label), np.mean(labels[like] == label)
        place[members] = (np.arange(len(members)) + 0.5) / share if share else np.inf
    ordered: np.ndarray = pool[np.argsort(place, kind="stable")]
    return ordered


def _random(*purpose: str) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seeds.derive(SEED, "sensitivity", *purpose)))


# ---- what is done to samples


def blurred(real: Real, times: float) -> np.ndarray:
    pictures = real.samples
    for _ in range(int(times)):
        pictures = blur(pictures)
    return pictures


def noisy(real: Real, deviation: float) -> np.ndarray:
    return noise(real.samples, SEED, deviation)


def without_classes(real: Real, count: float) -> np.ndarray:
    """More pictures of the classes that remain; only where the pool has not enough of them do some repeat."""
    kept = real.pool[real.reference.items.dataset.labels[real.pool] >= count]
    if len(kept) < real.n:
        print(f"without {count:g} classes only {len(kept):,} pictures remain: some come twice or more often")
    return real.show(np.resize(kept, real.n))


def with_repeats(real: Real, share: float) -> np.ndarray:
    """Some make way for copies of the rest."""
    replaced, rest = np.split(real.order, [round(share * real.n)])
    samples = real.samples.copy()
    samples[replaced] = samples[_random("repeats").choice(rest, len(replaced))]
    return samples


def with_copies(real: Real, share: float) -> np.ndarray:
    """Some make way for training pictures, with the classes as often; those repeat only where there are too few."""
    items, replaced = real.reference.items, real.order[: round(share * real.n)]
    training = interleaved(real.reference.training, items.dataset.labels, items.index)
    samples = real.samples.copy()
    samples[replaced] = real.show(np.resize(training, len(replaced)))
    return samples


@dataclass(frozen=True)
class Degradation:
    """sees: the figures that must see it, and which way they go; the first one gives the verdicts."""

    name: str
    strengths: tuple[float, ...]
    unit: str
    apply: Callable[[Real, float], np.ndarray]
    sees: Mapping[str, int]
    by_classes: bool = False

    def label(self, strength: float) -> str:
        return f"{strength:.0%}" if self.unit == "%" else f"{strength:g} {self.unit}"


SHARES = (0.05, 0.1, 0.25, 0.5, 0.8)
DEGRADATIONS = {
    "blur": Degradation(
        "blurred by a 3x3 box, so many times",
        (1, 2, 3, 4, 5),
        "x",
        blurred,
        {"sharpness": FALLS, "fd": RISES, "kd": RISES, "swd": RISES, "precision": FALLS},
    ),
    "noise": Degradation(
        "with noise, its deviation in shares of the range",
        (0.02, 0.05, 0.1, 0.2, 0.3),
        "%",
        noisy,
        {"sharpness": RISES, "fd": RISES, "kd": RISES, "swd": RISES, "precision": FALLS},
    ),
    "classes": Degradation(
        "without the first so many classes",
        (1, 2, 4, 6, 8),
        "gone",
        without_classes,
        {"class_divergence": RISES, "coverage": FALLS, "recall": FALLS, "classifier_score": FALLS, "fd": RISES},
        by_classes=True,
    ),
    "repeats": Degradation(
        "that share replaced by copies of other samples",
        SHARES,
        "%",
        with_repeats,
        {"duplicates": RISES, "support": FALLS, "coverage": FALLS},
    ),
    "copies": Degradation(
        "that share replaced by copies of training pictures", SHARES, "%", with_copies, {"copies": RISES}
    ),
}


# ---- what the figures make of it


def measured(samples: np.ndarray, reference: Reference) -> dict[str, Row]:
    """By key; the finest level of the sliced Wasserstein distance as `swd`."""
    found = {row.key: row for row in Drawn(samples, reference).rows()}
    finest = next((row for key, row in found.items() if key.startswith("swd_")), None)
    return found | ({"swd": finest} if finest else {})


def course(degradation: Degradation, real: Real, plain: dict[str, Row]) -> dict[str, dict[str, Row]]:
    """Rows by strength, weakest first; `plain` are those of samples that nothing was done to."""
    found = {NONE: plain}
    for strength in degradation.strengths:
        found[degradation.label(strength)] = measured(degradation.apply(real, strength), real.reference)
    return found


def in_order(rows: Sequence[Row], way: int) -> list[bool]:
    """For each neighbouring pair whether the figure moves that way; one that is not defined does not."""
    scores = [row.score for row in rows]
    return [
        first is not None and second is not None and way * (second.value - first.value) > 0
        for first, second in pairwise(scores)
    ]


def table(found: dict[str, dict[str, Row]], sees: Mapping[str, int]) -> list[str]:
    """Strengths down, figures across; below each figure that must see the degradation whether it does, pair by pair."""
    keys = [key for key in next(iter(found.values())) if key != "swd"]
    finest = next((key for key in keys if key.startswith("swd_")), "")
    lines = [["", *keys]]
    lines += [[label, *(_cell(rows[key]) for key in keys)] for label, rows in found.items()]
    marks = ["in order"]
    for key in keys:
        seen = "swd" if key == finest else key
        right = in_order([rows[key] for rows in found.values()], sees[seen]) if seen in sees else []
        marks.append("" if not right else "yes" if all(right) else f"NO: {sum(right)} of {len(right)}")
    lines.append(marks)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]


def _cell(row: Row) -> str:
    if row.score is None:
        return "none"
    value, error = row.score.value, row.score.error
    return f"{number(value, error)} ± {number(error, error)}"


def show(degradation: Degradation, found: dict[str, dict[str, Row]]) -> tuple[int, int]:
    """Prints it, and gives how many pairs are in the right order, of how many."""
    print(f"\nSamples {degradation.name}\n")
    print("\n".join(table(found, degradation.sees)))
    first = next(iter(degradation.sees))
    print()
    for less, more in pairwise(found):
        said = verdict({less: found[less][first], more: found[more][first]})
        print(f"  {first}: {said.partition(', which')[0].removesuffix('.')}")
    pairs = [
        right
        for key, way in degradation.sees.items()
        for right in in_order([rows[key] for rows in found.values() if key in rows], way)
    ]
    return sum(pairs), len(pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--size", type=int)
    parser.add_argument("-n", type=int, default=2000)
    given = parser.parse_args()
    options = DataOptions(given.data, size=given.size)
    dataset = prepare(options, say=print)
    real = deal(options, dataset, given.n)
    extractor = real.reference.extractor
    print(f"{real.n:,} samples against {real.reference.items.said}, {' x '.join(map(str, dataset.spec.shape))}")
    print(extractor.said)
    plain = measured(real.samples, real.reference)
    classes = extractor.head is not None and len(dataset.spec.classes) >= LEAST_CLASSES
    totals = [
        show(degradation, course(degradation, real, plain))
        for degradation in DEGRADATIONS.values()
        if classes or not degradation.by_classes
    ]
    right, pairs = map(sum, zip(*totals, strict=True))
    print(f"\n{right} of {pairs} pairs in the right order")


if __name__ == "__main__":
    main()
