"""Labelled synthetic pictures, and the proof of whether a classifier gains by them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imaginable.apps import _augmented, _makers
from imaginable.apps._augmented import Folder
from imaginable.apps._filter import REASONS, Filter, refuse_unusable
from imaginable.apps._harvest import TIMES, Asked, Harvest
from imaginable.apps._makers import Maker
from imaginable.apps._pictures import Say
from imaginable.core.errors import RunFailed, UserError, nearest


def augment(
    run: Path,
    *,
    per_class: int = 100,
    out: Path | None = None,
    label: str | None = None,
    seed: int = 0,
    truncation: float | None = None,
    say: Say = print,
) -> Path:
    """Makes labelled synthetic pictures of a class-conditional model, or of a folder of runs, one a class.

    Returns the folder."""
    _refuse_nonsense(per_class)
    maker = _makers.load(run, say)
    classes = _wanted(maker, label)
    refuse_unusable(maker.dataset, classes, maker.options.source)
    folder = Folder(_free_of_data(out or run / "augmented", maker), classes)
    rule = Filter(maker.options, maker.dataset, maker.options.flip, say)
    _say_rule(rule, [maker.classes.index(name) for name in classes], say)
    harvests = _augmented.make(maker, rule, classes, Asked(per_class, seed, truncation), folder, say)
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


def _free_of_data(out: Path, maker: Maker) -> Path:
    """Raises UserError for a folder inside the real data, where they would be read as real at the next training."""
    data = Path(maker.options.source).expanduser().resolve()
    if data.is_dir() and data in (out.resolve(), *out.resolve().parents) and not (data / "job.yaml").exists():
        raise UserError(f"--out {out}: it is inside the real data, {data}; give a folder of its own")
    return out


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
