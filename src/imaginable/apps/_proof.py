"""Whether a classifier gains by synthetic pictures: four kinds of training data, several amounts, several seeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imaginable.apps import _arms, _augmented, _generators, _makers, _outcome, _proof_page, _setting
from imaginable.apps._arms import ARMS, WITH_SYNTHETIC, Trial
from imaginable.apps._filter import Filter
from imaginable.apps._outcome import Outcome
from imaginable.apps._pictures import Say
from imaginable.apps._recount import near_copies
from imaginable.apps._setting import Wanted
from imaginable.apps._trials import Trials
from imaginable.core import files
from imaginable.data import images
from imaginable.data.dataset import Dataset
from imaginable.training.job import Job


class Proof:
    """One experiment in a folder. The generators see what the classifiers see of the real pictures, and no more."""

    def __init__(self, run: Path, wanted: Wanted, out: Path, say: Say) -> None:
        self.wanted, self.out, self.say = wanted, out, say
        setting = _setting.setting(run, wanted, say)
        self.job, self.real, self.flip = setting.job, setting.real, setting.flip
        self.trials = Trials(_makers.free_of_data(out, self.job.data.source), setting.plan(wanted))
        self.facts = setting.facts(wanted)

    def run(self) -> list[Outcome]:
        """All of it; what is there already is not done again. Writes proof.csv, proof.json and proof.html."""
        for fact in self.facts:
            self.say(fact)
        try:
            outcomes = [self._amount(amount) for amount in sorted(set(self.wanted.amounts))]
        except KeyboardInterrupt:
            self.say(
                f"stopped: what was trained and measured is kept in {self.out}, the same command goes on from there"
            )
            raise
        for line in _outcome.lines(outcomes):
            self.say(line)
        self._say_copies(outcomes)
        record = {"facts": self.facts, "outcomes": [_outcome.written(one) for one in outcomes]}
        files.write_text(self.out / "proof.json", json.dumps(record, indent=1, ensure_ascii=False))
        page = self.out / "proof.html"
        files.write_text(page, _proof_page.page(self.facts, outcomes, self._sheets()))
        self.say(f"in {self.out}\n  open   {page}")
        return outcomes

    def _amount(self, amount: int) -> Outcome:
        short = self.real.short(amount)
        if short:
            had = ", ".join(f"{name} {count}" for name, count in short.items())
            self.say(f"{amount} of each class: fewer different ones are there of {had}")
        subset = self.real.subset(amount)
        job, say = _on(self.job, amount), self.say
        rule = Filter(job.data, subset, job.data.flip, say)
        made, synthetic = [], []
        for number in range(self.wanted.generators):
            where = self._folder(amount, number)
            say(f"{amount} of each class, generator {number}: {where}")
            model = _generators.trained(job, subset, where / "run", number, say)
            model = _makers.drawable(model, subset, self.wanted.asked.prior, say)
            folder = _generators.pictures(model, job, subset, rule, self.wanted.asked, where / "synthetic", say)
            made.append(_augmented.read(folder))
            record = folder.written()
            copies = near_copies(made[-1], subset, record["copy_below_grey_levels"], job.data.flip)
            synthetic.append({"generator": number, "classes": record["classes"], "near_copies": copies})
        self._measure(amount, subset, made)
        return _outcome.outcome(amount, self._trial(amount), self.wanted.generators, self.wanted.seeds, synthetic)

    def _measure(self, amount: int, subset: Dataset, made: Sequence[_arms.Extras]) -> None:
        """Every trial that is not there yet."""
        for seed in range(self.wanted.seeds):
            crops = _arms.classical(subset, self.wanted.asked.per_class, self.flip, seed)
            for arm in ARMS:
                for number in range(self.wanted.generators if arm in WITH_SYNTHETIC else 1):
                    key = (amount, arm, number, seed)
                    if key in self.trials:
                        continue
                    data = _arms.of(arm, subset, {"classical": crops, "synthetic": made[number]})
                    found = _arms.trial(data, self.real, self.wanted.seen, seed, self.job.training.device)
                    self.trials.add(key, found)
                    by = f", generator {number}" if arm in WITH_SYNTHETIC else ""
                    self.say(f"  {amount} {arm}{by}, seed {seed}: {found.right / found.n:.1%}")

    def _trial(self, amount: int) -> Callable[[str, int, int], Trial]:
        return lambda arm, generator, seed: self.trials[amount, arm, generator, seed]

    def _folder(self, amount: int, number: int) -> Path:
        return self.out / f"of-{amount}" / f"generator-{number}"

    def _say_copies(self, outcomes: Sequence[Outcome]) -> None:
        found = [made for one in outcomes for made in one.synthetic]
        kept = sum(count["kept"] for made in found for count in made["classes"].values())
        copies = sum(made["near_copies"] for made in found)
        self.say(
            f"near-copies of real pictures among the {kept:,} synthetic ones used, counted anew from files: {copies}"
        )

    def _sheets(self) -> list[tuple[str, list[np.ndarray]]]:
        """A title, and a row of each class: real pictures, or those of a generator."""
        sheets = []
        for amount in sorted(set(self.wanted.amounts)):
            subset = self.real.subset(amount)
            pictures = images.to_uint8(subset.batch(subset.train).x)
            of_class = [pictures[subset.labels == label] for label in range(len(subset.spec.classes))]
            sheets.append((f"{amount} of each class: real ones", of_class))
            for number in range(self.wanted.generators):
                folder = _augmented.Folder(self._folder(amount, number) / "synthetic", subset.spec.classes)
                sheets.append((f"{amount} of each class: synthetic, generator {number}", _augmented.read(folder)))
        return sheets


def _on(job: Job[Any], amount: int) -> Job[Any]:
    """Said to be trained on a place that there is not: else `resume` would go on with all pictures of the data."""
    source = f"{job.data.source} ({amount} of each class, chosen by imaginable augment --prove)"
    return replace(job, data=replace(job.data, source=source))
