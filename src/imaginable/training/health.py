"""What is wrong with a run and what to do about it: of autoencoders, from what training/vitals.py measures, here;
of generators and discriminators in game_health.py.

Every check reads the same few numbers and returns a finding or nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from imaginable.data.dataset import Dataset
from imaginable.methods._method import Samples
from imaginable.training import game, game_health, vitals
from imaginable.training.finding import Finding
from imaginable.training.state import State

EARLY = 0.2
"""before this fraction of a run nothing is called: a KL term that is still rising looks like a finding"""
COLLAPSED = 1.0
"""nats: a code of less does not tell three pictures apart"""
OFF_PRIOR = 1.0
"""nats by which codes may miss the prior: at one, roughly a third of all random codes lie among them"""
NO_SAMPLER = 10.0
"""nats from which plain samples are hopeless: roughly one random code in 20,000"""


@dataclass(frozen=True)
class Diagnosis:
    """numbers: see `vitals.summarised`, and `game.measure` for those called `game`. findings: none when healthy, None
    while it is too early to call any."""

    numbers: Mapping[str, Any]
    findings: tuple[Finding, ...] | None

    def __str__(self) -> str:
        if self.findings is None:
            return "too early for a diagnosis"
        return "; ".join(map(str, self.findings)) or f"healthy{_details(self.numbers)}"

    @property
    def names(self) -> str:
        """What it comes to without its numbers: a run says so when this changes."""
        if self.findings is None:
            return ""
        return ", ".join(finding.name for finding in self.findings) or "healthy"

    @property
    def off_prior(self) -> bool:
        return any(finding.name in _OFF_PRIOR_NAMES for finding in self.findings or ())

    @property
    def ruined(self) -> bool:
        return game_health.ruined(self.findings)

    def logged(self) -> dict[str, Any]:
        """The `vitals` of a line of log.jsonl."""
        findings = None if self.findings is None else [asdict(finding) for finding in self.findings]
        return {**self.numbers, "findings": findings}


def history(lines: Iterable[Mapping[str, Any]]) -> list[tuple[int, Diagnosis]]:
    """Images seen and diagnosis of every snapshot in a log."""
    found = []
    for line in lines:
        if "vitals" in line:
            numbers = dict(line["vitals"])
            findings = numbers.pop("findings")
            called = None if findings is None else tuple(Finding(**finding) for finding in findings)
            found.append((line["seen"], Diagnosis(numbers, called)))
    return found


def examine(state: State, dataset: Dataset) -> Diagnosis | None:
    """The diagnosis of the averaged networks, and of the game they came from, which the state remembers.

    None for methods that have neither vitals nor a discriminator, or with too few items to judge by.
    """
    numbers: dict[str, Any] = {}
    findings: list[Finding] = []
    fraction, earliest = state.seen / state.job.training.images, 1.0
    if (measured := vitals.measure(state, dataset)) is not None:
        numbers |= vitals.summarised(measured, has_prior=isinstance(state.job.method, Samples))
        findings += called(numbers) if fraction >= EARLY else ()
        earliest = EARLY
    if (played := game.measure(state, dataset)) is not None:
        numbers["game"] = played
        state.games.append({"seen": state.seen, **played})
        findings += game_health.called(state.comparable) if fraction >= game_health.EARLY else ()
        earliest = min(earliest, game_health.EARLY)
    if not numbers:
        return None
    return Diagnosis(numbers, tuple(findings) if fraction >= earliest else None)


def called(numbers: Mapping[str, Any]) -> tuple[Finding, ...]:
    """All findings of a run that is no longer young."""
    checks = (_collapse, _few_dimensions, _off_prior, _dead_codes, _blur)
    return tuple(finding for check in checks if (finding := check(numbers)))


def _details(numbers: Mapping[str, Any]) -> str:
    parts = []
    if "active_units" in numbers:
        parts.append(f"{numbers['active_units']} of {numbers['dimensions']} latent dimensions in use")
    if "rate" in numbers:
        parts.append(f"rate {numbers['rate']:.3g} nats")
    if "codebook" in numbers:
        parts.append(f"{numbers['used']} of {numbers['codebook']} codes in use")
    parts += game_health.summary(numbers.get("game", {}))
    return f": {', '.join(parts)}" if parts else ""


def _collapse(numbers: Mapping[str, Any]) -> Finding | None:
    if "rate" not in numbers or (numbers["rate"] >= COLLAPSED and numbers.get("active_units") != 0):
        return None
    return Finding(
        "posterior collapse",
        f"the code says next to nothing about the item{_details(numbers)}",
        "lower --beta, lengthen --kl-warmup, or give every dimension --free-bits",
    )


def _few_dimensions(numbers: Mapping[str, Any]) -> Finding | None:
    if not {"rate", "active_units"} <= set(numbers) or _collapse(numbers):
        return None
    active, dimensions = numbers["active_units"], numbers["dimensions"]
    if 10 * active >= dimensions:
        return None
    return Finding(
        "few dimensions in use",
        f"{active} of {dimensions} latent dimensions carry all of the {numbers['rate']:.3g} nats",
        "if the reconstructions are good enough, fewer --latents do the same; "
        "if not, lower --beta, lengthen --kl-warmup, or give every dimension --free-bits",
    )


_OFF_PRIOR_NAMES = ("codes off the prior", "not a sampler")


def _off_prior(numbers: Mapping[str, Any]) -> Finding | None:
    # two standard errors below: what is called must not be noise
    nats = numbers.get("off_prior", 0.0) - 2 * numbers.get("off_prior_error", 0.0)
    if nats < OFF_PRIOR:
        return None
    mild, severe = _OFF_PRIOR_NAMES
    distance = f"codes of the data are at least {numbers['off_prior']:.3g} nats away from the prior"
    if nats < NO_SAMPLER:
        return Finding(
            mild,
            f"{distance}: roughly one random code in {math.exp(numbers['off_prior']):,.0f} lies among them",
            "`sample` draws from a mixture fitted to the codes; raise --beta or lower --latents to close the gap",
        )
    return Finding(
        severe,
        f"{distance}: the KL term is hardly felt, and next to no random code lies among them",
        "keep it as a compressor, whose `sample` draws from a mixture fitted to the codes, or raise --beta",
    )


def _dead_codes(numbers: Mapping[str, Any]) -> Finding | None:
    # among few choices, many entries go without one
    if "codebook" not in numbers or numbers["choices"] < 10 * numbers["codebook"]:
        return None
    if 2 * numbers["used"] >= numbers["codebook"]:
        return None
    return Finding(
        "dead codes",
        f"only {numbers['used']} of {numbers['codebook']} codes are ever chosen",
        "train longer if they are still becoming more, else fewer --codes do the same",
    )


def _blur(numbers: Mapping[str, Any]) -> Finding | None:
    deviation, error = numbers.get("deviation"), numbers.get("error")
    if deviation is None or error is None or deviation <= 2 * error:
        return None
    return Finding(
        "blurred by a fixed variance",
        f"p(x | z) has a deviation of {deviation:.3g} and the error is {error:.3g}, "
        f"which weighs the KL term {(deviation / max(error, 1e-6)) ** 2:.3g} times as much",
        f"--output gaussian solves for the variance, or set --deviation {error:.2g}",
    )
