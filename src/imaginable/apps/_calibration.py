"""What a model's scores come to on good pictures and on anomalies made from them: what they are chosen by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from imaginable.apps import _scorers
from imaginable.apps._scorers import Scorer, Seen
from imaginable.core import seeds
from imaginable.core.errors import UserError
from imaginable.data.dataset import Dataset
from imaginable.metrics import detection
from imaginable.nn.defects import cut_paste, strangers

LookFor = Literal["parts", "wholes"]
"""what anomalies are made for the choice: small defects in a picture, or pictures that are strange as a whole"""

CHOOSING = 200
"""held-out pictures that scores are chosen on at most; never more than half, the others calibrate"""
CALIBRATING = 1_000
LEAST = 4
"""good pictures, two to choose on and two to calibrate on: with one there is no error of anything"""
ENOUGH = 40
"""pictures that calibrate, before more are chosen on than a quarter"""
_FEW_SIZES = 20
_PASTED = 0.0005
"""share of a picture that a made defect must change at least"""

COSTLY = ("bound", "combined")
"""scores that take several times as long: one looks at pictures one by one, the other needs all others"""

Advance = Callable[[int, int], None]


@dataclass(frozen=True)
class Standard:
    """What a score comes to on good pictures. calibration: sorted, of pictures that it was not chosen on. mean,
    deviation: on those it was chosen on. told: AUROC of defects made from them, its error and n. low, high: of the
    maxima of its maps, the median and the 95th percentile; None without maps."""

    said: str
    calibration: tuple[float, ...]
    mean: float
    deviation: float
    told: tuple[float, float, int]
    low: float | None = None
    high: float | None = None

    def threshold(self, rate: float) -> float:
        """What one in 1 / rate good pictures exceeds at most. Raises Undefined where too few calibrated it."""
        return detection.conformal_threshold(np.array(self.calibration), rate)

    def p_value(self, score: float) -> float:
        """The chance that a good picture scores as high, from the calibration."""
        return float(detection.conformal_p_value(np.array(self.calibration), score))


def digest_of(pixels: np.ndarray) -> str:
    """Of one picture, uint8 (h, w, c)."""
    return blake2b(np.ascontiguousarray(pixels).data, digest_size=12).hexdigest()


@dataclass(frozen=True)
class Good:
    """Pictures `index` of a data set with nothing wrong, that were not learned from. said: which, for a person."""

    dataset: Dataset
    index: np.ndarray
    said: str


def held_out_of(own: Dataset, run: Path) -> Good:
    """Those held out from a run's training, of the classes that it was trained on: with a split of its own, data may
    hold out defects too, and copies of what was trained on."""
    index = own.held_out
    if own.spec.classes:
        index = index[np.isin(own.labels[index], np.unique(own.labels[own.train]))]
    index = _untrained(own, own, index)
    if len(index) < LEAST:
        raise UserError(
            f"{run}: {len(index)} good pictures are held out from its training, and a threshold needs them "
            "(about one in ten is, and of equal ones none): train on more pictures, or name others with --calibrate"
        )
    return Good(own, index, "held out from training")


def brought(own: Dataset, given: Dataset, where: str) -> Good:
    """All of a data set but what was trained on."""
    index = _untrained(own, given, np.arange(len(given.items)))
    if len(index) < LEAST:
        raise UserError(f"--calibrate {where}: {len(index)} pictures in it were not trained on: bring others")
    return Good(given, index, f"of {where}")


def _untrained(own: Dataset, given: Dataset, index: np.ndarray) -> np.ndarray:
    """Of pictures `index` of a data set those that none that was trained on looks exactly like."""
    trained = {digest_of(own.items[item]) for item in own.train}
    return index[[digest_of(given.items[item]) not in trained for item in index]]


def calibrated(
    scorers: Mapping[str, Scorer], pictures: Good, on_progress: Advance | None = None, look_for: LookFor = "parts"
) -> dict[str, Any]:
    """The standards of all scores, the default, and what else a detector is kept by."""
    dataset, (choosing, calibrating) = pictures.dataset, _halves(pictures.index)
    total = 2 * len(choosing) + len(calibrating)
    done = 0

    def seen(index: np.ndarray, spoil: bool = False) -> dict[str, Seen]:
        nonlocal done
        parts: list[dict[str, Seen]] = []
        for number, block in enumerate(_scorers.blocks(index)):
            x = dataset.batch(block).x
            x = (spoilt(x, number, look_for) if spoil else x).contiguous(memory_format=torch.channels_last)
            with torch.no_grad():
                parts.append({name: _peak(one.look(x)) for name, one in scorers.items()})
            done += len(block)
            if on_progress:
                on_progress(done, total)
        return {name: _scorers.joined([part[name] for part in parts]) for name in scorers}

    good, bad, kept = seen(choosing), seen(choosing, spoil=True), seen(calibrating)
    standards = {name: _standard(one.said, good[name], bad[name], kept[name]) for name, one in scorers.items()}
    if len(scorers) > 1:
        three = (Seen(mean_of_standardised(part, standards)) for part in (good, bad, kept))
        standards["combined"] = _standard("mean of all, each in its own deviations", *three)
    used = dataset.items[np.concatenate([choosing, calibrating])]
    return {
        "standards": {name: asdict(one) for name, one in standards.items()},
        "default": _best(standards),
        "sizes": _sizes(dataset),
        "used": [digest_of(one) for one in used],
        "said": pictures.said,
        "look_for": look_for,
    }


def _peak(seen: Seen) -> Seen:
    """With the greatest number of each map in its place: a thousand large maps would not fit."""
    return Seen(seen.score, None if seen.map is None else seen.map.flatten(1).amax(1)[:, None, None])


def _halves(good: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those that scores are chosen on, and those that they are calibrated on."""
    order = np.random.Generator(np.random.Philox(seeds.derive("calibration"))).permutation(len(good))
    # few calibrate first: without them there is no threshold, while any choice is better than none
    first = min(CHOOSING, len(good) // 2, max(2, len(good) // 4, len(good) - ENOUGH))
    return good[np.sort(order[:first])], good[np.sort(order[first : first + CALIBRATING])]


def _sizes(dataset: Dataset) -> list[str]:
    """Of the originals; none where there are so many that they say nothing."""
    sizes = list(dataset.manifest.get("sizes", {}))
    return sizes if len(sizes) <= _FEW_SIZES else []


def spoilt(x: Tensor, seed: int, look_for: LookFor = "parts") -> Tensor:
    """Each picture with a defect that can be seen, or a stranger as a whole; always the same ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.derive("defects", seed))
        if look_for == "wholes":
            return strangers(x)
        made, changed = cut_paste(x)
        for _ in range(20):
            plain = changed.flatten(1).mean(1) < _PASTED
            if not plain.any():
                break
            again, where = cut_paste(x)
            made = torch.where(plain[:, None, None, None], again, made)
            changed = torch.where(plain[:, None, None, None], where, changed)
    return made


def _standard(said: str, good: Seen, bad: Seen, kept: Seen) -> Standard:
    told = detection.auroc(good.score.double().numpy(), bad.score.double().numpy()).score
    low = high = None
    if kept.map is not None:
        peaks = kept.map.flatten(1).amax(1)
        low, high = float(peaks.quantile(0.5)), float(peaks.quantile(0.95))
    return Standard(
        said,
        tuple(sorted(kept.score.double().tolist())),
        float(good.score.mean()),
        float(good.score.std()) or 1.0,
        (told.value, told.error, told.n),
        low,
        high,
    )


def mean_of_standardised(found: dict[str, Seen], standards: dict[str, Standard]) -> Tensor:
    each = [(seen.score - standards[name].mean) / standards[name].deviation for name, seen in found.items()]
    return torch.stack(each).mean(0)


def _best(standards: dict[str, Standard]) -> str:
    """The score that tells made defects best; a costly one only where that is better beyond the error."""
    cheap = {name: one for name, one in standards.items() if name not in COSTLY}
    best = max(cheap, key=lambda name: cheap[name].told[0])
    for name in COSTLY:
        if name in standards and standards[name].told[0] > standards[best].told[0] + standards[best].told[1]:
            best = name
    return best
