"""Labelled synthetic pictures, and the proof of whether a classifier gains by them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imaginable.apps import _augmented, _makers
from imaginable.apps._augmented import Folder
from imaginable.apps._filter import REASONS, Filter, refuse_unusable
from imaginable.apps._harvest import Harvest
from imaginable.apps._makers import TIMES, Asked, Maker
from imaginable.apps._pictures import Say
from imaginable.apps._proof import Proof
from imaginable.apps._setting import Wanted
from imaginable.core.errors import RunFailed, UserError, nearest
from imaginable.model import Prior


def augment(
    run: Path,
    *,
    per_class: int = 100,
    out: Path | None = None,
    label: str | None = None,
    seed: int = 0,
    prior: Prior = "auto",
    truncation: float | None = None,
    prove: bool = False,
    amounts: Sequence[int] = (10, 30, 100),
    seeds: int = 5,
    generators: int = 2,
    images: int | None = None,
    classifier_images: int = 30_000,
    say: Say = print,
) -> Path:
    """Makes labelled synthetic pictures with a model that was told the classes, or with a folder of runs, one a class.

    A picture is kept if a classifier, trained on the run's training pictures, finds it of its class, its features are
    as near to that class as real ones are, and it is no near-copy of a training picture. Returns the folder: a folder
    of each class, manifest.csv, augment.json and augment.html.

    per_class: pictures kept of each class; at most 20 times as many are drawn. label: of this class only. seed: of the
    draws; the same one gives the same pictures. prior, truncation: as in `sample`.

    prove: instead, measure whether such pictures help a classifier: it is trained on few real pictures, on those and as
    many crops, on those and synthetic ones, and on all. For each of the amounts (real pictures of each class) as many
    generators as given are trained, as RUN was but on those pictures alone, and as many classifiers of each kind as
    seeds. images: that each generator sees, by default as RUN. classifier_images: that each classifier sees. The same
    command goes on where it stopped. RUN itself may be trained ever so shortly: only its settings are used.
    """
    _refuse_nonsense(per_class)
    asked = Asked(per_class, seed, truncation, prior)
    if prove:
        if label is not None:
            raise UserError("--label: a proof is of all classes; leave it out")
        proof = Proof(
            run, Wanted(amounts, seeds, generators, images, classifier_images, asked), out or run / "proof", say
        )
        proof.run()
        return proof.out
    maker = _makers.load(run, prior, say)
    classes = _wanted(maker, label)
    refuse_unusable(maker.dataset, classes, maker.options.source)
    folder = Folder(_makers.free_of_data(out or run / "augmented", maker.options.source), classes)
    rule = Filter(maker.options, maker.dataset, maker.options.flip, say)
    _say_rule(rule, [maker.classes.index(name) for name in classes], say)
    harvests = _augmented.make(maker, rule, classes, asked, folder, say)
    _say_result(harvests, folder, say)
    return folder.out


def _refuse_nonsense(per_class: int) -> None:
    if per_class < 1:
        raise UserError(f"--per-class {per_class}: must be at least 1")


def _wanted(maker: Maker, label: str | None) -> tuple[str, ...]:
    if label is None:
        return maker.classes
    if label not in maker.classes:
        hint = nearest(label, maker.classes)
        raise UserError(f"--label {label}: no such class{hint} (classes: {', '.join(maker.classes)})")
    return (label,)


def _say_rule(rule: Filter, labels: Sequence[int], say: Say) -> None:
    say("refused are pictures that are")
    for reason, sentence in rule.said().items():
        say(f"  {reason}: {sentence}")
    found = rule.yardstick(labels)
    if found:
        shares = ", ".join(f"{found[reason]:.1%} {reason}" for reason in REASONS)
        say(f"  of {found['n']:,} held-out real pictures it would refuse: {shares}")


def _say_result(harvests: Sequence[Harvest], folder: Folder, say: Say) -> None:
    kept, drawn = (sum(counts) for counts in zip(*((len(one.kept), one.drawn) for one in harvests), strict=True))
    refused = ", ".join(f"{sum(one.refused[reason] for one in harvests):,} {reason}" for reason in REASONS)
    say(f"{kept:,} pictures kept of {drawn:,} drawn; refused: {refused}")
    if not kept:
        raise RunFailed(f"no picture passed in {TIMES} times as many draws: look at {folder.page} and train longer")
    say(
        f"in {folder.out}\n  open   {folder.page}\n  which  {folder.manifest}\n  add them to real ones as training data"
    )
