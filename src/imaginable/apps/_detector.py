"""A model made into a judge: which of its scores to trust, and from which value on a picture is anomalous."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imaginable.apps import _calibration, _items, _pictures, _scorers
from imaginable.apps._calibration import Advance, LookFor, Standard
from imaginable.apps._pictures import Say
from imaginable.apps._scorers import Given, Scorer, Seen
from imaginable.core import files
from imaginable.core.errors import UserError
from imaginable.data.dataset import Dataset
from imaginable.data.prepare import prepare
from imaginable.latent.outlying import Cloud
from imaginable.model import Model
from imaginable.training.given import fingerprint

FOLDER = "detector"
RATE = 0.05
"""false alarms among good pictures that are put up with"""
KNOWN = 10_000
"""training pictures whose codes are kept, at most"""
_FORMAT = 3
"""goes up when a score changes its meaning"""


@dataclass(frozen=True)
class Detector:
    """A model, its scores, and what they come to on held-out good pictures. default: the score that is used. used:
    digests of those pictures. sizes: of their originals, such as 640x480; none where all differ. said: which they
    are."""

    model: Model
    scorers: dict[str, Scorer]
    standards: dict[str, Standard]
    default: str
    used: frozenset[str]
    sizes: frozenset[str]
    said: str
    look_for: LookFor

    @classmethod
    def of(
        cls,
        model: Model,
        run: Path,
        say: Say = print,
        on_progress: Advance | None = None,
        calibrate: str | None = None,
        look_for: LookFor = "parts",
    ) -> Detector:
        """Found beside the run, or made first: for these weights and good pictures, once.

        on_progress: told the steps done and all there are of each part that takes long; may raise to stop.
        calibrate: good pictures to choose and calibrate on, in place of those held out from training. look_for: what
        the default score is chosen on.
        Raises UserError for a model that scores nothing, one without its run, and where no good picture is held out.
        """
        if model.trained.spec.kind != "images":
            raise UserError(
                f"{model.name} learned from {model.trained.spec.kind}: anomalies are looked for in pictures"
            )
        dataset = _pictures.training_data(run, f"anomalies of {model.name}")
        assert model.folder is not None, "models are loaded from folders here"
        given = dataset if calibrate is None else _given(model, dataset, calibrate)
        digests = {"data": dataset.manifest["digest"], "good": given.manifest["digest"]}
        key = {"format": _FORMAT, "model": fingerprint(model.folder), **digests}
        folder = Path(run) / FOLDER
        digest = "" if calibrate is None else f"-{digests['good'][:8]}"
        path = folder / f"detector{digest}{'' if look_for == 'parts' else '-wholes'}.json"
        kept, codes = _read(path), folder / "cloud.safetensors"
        if kept.get("key") == key and (codes.exists() or not _scorers.wants_codes(model)):
            cloud = Cloud.load(codes) if _scorers.wants_codes(model) else None
            return cls._from(model, _by_name(model, Given(run, cloud, say, on_progress)), kept)
        if calibrate is None:
            good = _calibration.held_out_of(dataset, run)
        else:
            good = _calibration.brought(dataset, given, calibrate)
        cloud = _cloud(model, dataset) if _scorers.wants_codes(model) else None
        if cloud is not None:
            cloud.save(codes)
        scorers = _by_name(model, Given(run, cloud, say, on_progress))
        say(f"calibrating {model.name} on {len(good.index):,} good pictures {good.said}, once")
        found = {"key": key} | _calibration.calibrated(scorers, good, on_progress, look_for=look_for)
        files.write_text(path, json.dumps(found))
        return cls._from(model, scorers, found)

    @classmethod
    def _from(cls, model: Model, scorers: dict[str, Scorer], kept: dict[str, Any]) -> Detector:
        standards = {
            name: Standard(**{**one, "calibration": tuple(one["calibration"]), "told": tuple(one["told"])})
            for name, one in kept["standards"].items()
        }
        used, sizes = frozenset(kept["used"]), frozenset(kept["sizes"])
        return cls(model, scorers, standards, kept["default"], used, sizes, kept["said"], kept["look_for"])

    @property
    def names(self) -> tuple[str, ...]:
        """Of all scores, `combined` included where there are several."""
        return tuple(self.standards)

    def name(self, asked: str) -> str:
        """`auto` is the default. Raises UserError for a score it has not."""
        if asked == "auto":
            return self.default
        if asked not in self.standards:
            raise UserError(f"--score {asked}: {self.model.name} has {', '.join(self.names)}")
        return asked

    def look(self, x: Tensor, names: Iterable[str]) -> dict[str, Seen]:
        """These scores of pictures (n, c, h, w) in [-1, 1]. `combined` needs all others, which then come too."""
        names = set(names)
        wanted = list(self.scorers) if "combined" in names else [name for name in self.scorers if name in names]
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            found = {name: self.scorers[name].look(x) for name in wanted}
        if "combined" in names:
            found["combined"] = Seen(_calibration.mean_of_standardised(found, self.standards))
        return found

    def heat(self, name: str, seen: Seen) -> Tensor | None:
        """Its map (n, h, w) as heat from 0, what good pictures have at most, to 1; or that of another score."""
        standard = self.standards[self.shown_by(name)]
        if seen.map is None or standard.low is None or standard.high is None:
            return None
        reach = max(2 * (standard.high - standard.low), 1e-6 + 0.5 * abs(standard.high))
        return ((seen.map - standard.low) / reach).clamp(0, 1)

    def shown_by(self, name: str) -> str:
        """The score whose maps show where: its own, or those of the best that has maps."""
        if name != "combined" and self.standards[name].low is not None:
            return name
        mapped = [other for other, one in self.standards.items() if one.low is not None and other != "combined"]
        return max(mapped, key=lambda other: self.standards[other].told[0], default=name)

    def unlike(self, sizes: Mapping[tuple[int, int], int]) -> list[str]:
        """A warning where pictures of these (width, height) are unlike in size what the model was trained on."""
        strange = sum(count for (width, height), count in sizes.items() if f"{width}x{height}" not in self.sizes)
        if not strange or not self.sizes:
            return []
        side, known = self.model.shape.size, ", ".join(sorted(self.sizes)[:3]) + " ..." * (len(self.sizes) > 3)
        return [
            f"{strange:,} pictures are not as large as those it was trained on ({known}): they were brought to "
            f"{side}x{side} all the same, and a threshold set on others need not hold for them"
        ]

    @cached_property
    def described(self) -> list[str]:
        """How the default was chosen, a line for each score; and one more where that says nothing."""
        lines = []
        for name, one in self.standards.items():
            value, error, n = one.told
            mark = "  <- used" if name == self.default else ""
            lines.append(f"  {name:18s} {value:.3f} ± {error:.3f}  {one.said}{mark}")
        what = {"parts": "defects (cut and pasted)", "wholes": "strangers (halves of two, or turned)"}[self.look_for]
        made = f"AUROC on {what} made from {n} good pictures {self.said}, ± standard error:"
        value, error, _ = self.standards[self.default].told
        if value - 2 * error <= 0.5:
            lines.append("  that is no better than chance: the model does not see these (see --score, --every)")
        return [made, *lines]


def _given(model: Model, own: Dataset, calibrate: str) -> Dataset:
    given = prepare(_items.options_like(model, calibrate))
    if given.spec.shape != model.trained.spec.shape:
        raise UserError(f"--calibrate {calibrate}: {given.spec.said}, and {model.name} was trained on {own.spec.said}")
    return given


def _by_name(model: Model, given: Given) -> dict[str, Scorer]:
    return {one.name: one for one in _scorers.scorers(model, given)}


def _cloud(model: Model, dataset: Dataset) -> Cloud:
    index = dataset.train[:: max(1, len(dataset.train) // KNOWN)][:KNOWN]
    return Cloud.fit(torch.cat([model.encode_tensor(dataset.batch(part).x) for part in _scorers.blocks(index)]))


def _read(path: Path) -> dict[str, Any]:
    """What is kept there; nothing where it is missing or damaged."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
