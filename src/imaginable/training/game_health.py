"""What is wrong with a game of generator and discriminator, from what training/game.py measured at every snapshot.

A false alarm costs a person more than a late one: everything but numbers that are none must show in successive
snapshots, beyond its error. Of what has gone wrong with the game itself only one thing is called, the cause.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from imaginable.training.finding import Finding

Game = Mapping[str, Any]
"""numbers of `game.measure`, and `seen`"""

EARLY = 0.1
"""before this fraction of a run nothing is called: every generator begins with samples that are all the same"""
IN_A_ROW = 2
"""snapshots: one bad one may be an unlucky moment of a game that goes round in circles"""
FALLEN, COLLAPSED = 0.5, 0.2
"""of the best so far: half is far more than healthy runs lose between snapshots; a fifth is a few kinds of items"""
NO_VARIETY = 0.1
"""samples a tenth as different from each other as real items are, or less, have collapsed if they come no nearer"""
NEVER_GOOD_FOR = 4
"""snapshots of samples that were never near the data: a fifth of the run, since a generator may be slow to begin, and
on its way it is thrown about"""
LEAST_COVERAGE = 0.2
"""a coverage that was never higher has nothing to fall from"""
WON = 0.999
"""of all pairs of a real item and a fake told apart: means of logits lie more than four standard deviations apart"""
MARGIN = 10.0
"""logits between the means of real items and fakes: a logistic loss is then less than e^-5, and its gradient, too. A
critic's unit is another, and where it has no gradient penalty its scale grows as it wins"""
WON_FOR = 3
"""snapshots in which the quality does not move: many a good generator loses against its discriminator for a while"""
POOR_COVERAGE = 0.3
"""a generator that covers more has learned, however well it is told apart"""
MEMORISING = 0.3
"""by how much more of the training items than of the held-out ones are called real; small data has 0.1 without harm"""
COPIES = 0.5
"""share of samples nearer to a training item than 99 % of held-out ones are, 0.01 being the rule; or of twins, at most
a quarter of which are chance"""
DIVERGED, ONCE_GOOD = 1.0, 0.5
"""kernel distances, in that of the mean item repeated: as bad as if nothing was learned, after it was"""


def called(history: Sequence[Game]) -> tuple[Finding, ...]:
    """Findings at the last of all snapshots so far."""
    lost = _no_numbers(history) or _diverged(history) or _won(history) or _collapse(history)
    findings = (lost, _memorising(history, copying=lost is None))
    return tuple(finding for finding in findings if finding)


def ruined(findings: Sequence[Finding] | None) -> bool:
    """Whether the generator is lost: --on-collapse acts."""
    return any(finding.name in ("collapsed", "diverged") for finding in findings or ())


def sound(history: Sequence[Game]) -> bool:
    """Whether the last snapshot is one to go back to, called or not."""
    last = history[-1]
    strayed = _is_far_off(last) and _best_distance(history) < ONCE_GOOD
    return not last["non_finite"] and fallen_since(history) is None and not strayed


def summary(game: Game) -> list[str]:
    """The numbers to state of a healthy one."""
    if "distance" not in game:
        return []
    return [
        f"diversity {game['diversity']:.2f} of the data's",
        f"coverage {game['coverage']:.2f}",
        f"kernel distance {game['distance']:.3g} ± {game['distance_error']:.2g} of the mean item's",
    ]


def fallen_since(history: Sequence[Game]) -> int | None:
    """Images seen at the first of the last snapshots in a row with a fallen diversity or coverage."""
    since, measured = None, _measured(history)
    for number, game in enumerate(measured):
        if not _below(game, _rivals(measured[:number], game), FALLEN):
            since = None
        elif since is None:
            since = int(game["seen"])
    return since


def _rivals(before: Sequence[Game], game: Game) -> list[Game]:
    """Snapshots that were at least as near to the real items: only from there can one fall.

    What an untrained generator makes may vary more than anything real, and loses that as it learns; and all it makes
    may be alike while it still comes nearer.
    """
    error = game["distance_error"]
    return [one for one in before if one["distance"] <= game["distance"] + error]


def _below(game: Game, rivals: Sequence[Game], share: float) -> bool:
    """Whether diversity or coverage is less than that share of the best of these, if there are any."""
    if not rivals:
        return False
    diversity = min(1.0, max(one["diversity"] for one in rivals))
    if game["diversity"] < max(NO_VARIETY, share * diversity):
        return True
    coverage = max(one["coverage"] for one in rivals)
    return coverage >= LEAST_COVERAGE and game["coverage"] + 2 * game["coverage_error"] < share * coverage


def _collapse(history: Sequence[Game]) -> Finding | None:
    since, measured = fallen_since(history), _measured(history)
    if since is None:
        return None
    last = measured[-1]
    rivals = _rivals(measured[:-1], last)
    best = {name: max(game[name] for game in rivals) for name in ("diversity", "coverage")}
    was_good = any(game["distance"] < ONCE_GOOD for game in rivals)
    if sum(game["seen"] >= since for game in measured) < (IN_A_ROW if was_good else NEVER_GOOD_FOR):
        return None
    deep = _below(last, rivals, COLLAPSED)
    standing = (
        f"diversity {last['diversity']:.2f} of the data's (best {best['diversity']:.2f}), "
        f"coverage {last['coverage']:.2f} (best {best['coverage']:.2f})"
    )
    verdict = "samples are nearly all the same, or of a few kinds" if deep else "samples become alike"
    return Finding(
        "collapsed" if deep else "collapsing",
        f"{verdict}, since image {since:,}: {standing}",
        "take the run's best snapshot, or train again with a lower --lr, a larger --batch, --on-collapse rollback, "
        "or a method with a gradient penalty",
    )


def _won(history: Sequence[Game]) -> Finding | None:
    lately = _measured(history)[-WON_FOR:]
    if len(lately) < WON_FOR or not all(
        game["told_apart"] >= WON and _margin(game) >= MARGIN and game["coverage"] < POOR_COVERAGE for game in lately
    ):
        return None
    first, last = lately[0], lately[-1]
    distances = [game["distance"] for game in lately]
    error = max(game["distance_error"] for game in lately)
    # to either side: one that is thrown about by too large steps is beaten, too, and has another fault
    if max(distances) - min(distances) > max(2 * error, 0.1 * first["distance"]):
        return None
    return Finding(
        "discriminator has won",
        f"it tells {last['told_apart']:.1%} of real items and fakes apart, by {_margin(last):.3g} in the logit, and "
        f"since image {first['seen']:,} the samples do not improve: "
        f"kernel distance {last['distance']:.3g} of the mean item's, coverage {last['coverage']:.2f}",
        "hold it back: a lower learning rate or fewer steps for the discriminator, "
        "or a method with a gradient penalty or spectral norm",
    )


def _diverged(history: Sequence[Game]) -> Finding | None:
    measured = _measured(history)
    lately = measured[-IN_A_ROW:]
    if _best_distance(history) > ONCE_GOOD or len(lately) < IN_A_ROW or not all(map(_is_far_off, lately)):
        return None
    last = lately[-1]
    if last["diversity"] < FALLEN:  # all alike: that is a collapse
        return None
    best = min(measured, key=lambda game: float(game["distance"]))
    return Finding(
        "diverged",
        f"the kernel distance is {last['distance']:.3g} ± {last['distance_error']:.2g} of the mean item's, and was "
        f"{best['distance']:.3g} at image {best['seen']:,}{_louder(measured)}",
        "take the run's best snapshot, or train again with a lower --lr or --on-collapse rollback",
    )


def _is_far_off(game: Game) -> bool:
    return "distance" in game and game["distance"] - 3 * game["distance_error"] > DIVERGED


def _best_distance(history: Sequence[Game]) -> float:
    return min((float(game["distance"]) for game in _measured(history)), default=math.inf)


def _louder(measured: Sequence[Game]) -> str:
    """Of gradients that have grown by far."""
    grown = []
    for player, norm in measured[-1]["norms"].items():
        usual = statistics.median(game["norms"].get(player, norm) for game in measured)
        if norm > 10 * usual:
            grown.append(f"; gradients of the {player} have a norm of {norm:.3g}, usually {usual:.3g}")
    return "".join(grown)


def _no_numbers(history: Sequence[Game]) -> Finding | None:
    if not history[-1]["non_finite"]:
        return None
    return Finding(
        "diverged",
        f"{history[-1]['non_finite']} samples and logits are no numbers",
        "train again with a lower --lr or --precision float32",
    )


_NEAR = {
    "copies": "as near to a training item as 1 % of held-out ones are",
    "twins": "less than half as far from one training item as from any other",
}


def _memorising(history: Sequence[Game], copying: bool) -> Finding | None:
    lately = _measured(history)[-IN_A_ROW:]
    if len(lately) < IN_A_ROW:
        return None
    last, remedy = lately[-1], "add images, mirror them with --flip, or stop earlier: the run's best snapshot is kept"
    for name, near in _NEAR.items() if copying else ():
        if all(name in game and game[name] - 3 * game[f"{name}_error"] > COPIES for game in lately):
            return Finding("memorising", f"{last[name]:.0%} of the samples are {near}", remedy)
    if not all("called_held_out" in game and _overfitted(game) for game in lately):
        return None
    return Finding(
        "memorising",
        f"the discriminator calls {last['called_training']:.0%} of the training items real, "
        f"and {last['called_held_out']:.0%} of the held-out ones (fakes: {last['called_fake']:.0%})",
        remedy,
    )


def _overfitted(game: Game) -> bool:
    gap = variance = 0.0
    for sign, name in ((1, "training"), (-1, "held_out")):
        # one more of each answer (Agresti & Coull 1998), or none of five items called real would have no error
        n = game[name] + 2
        share = (game[f"called_{name}"] * game[name] + 1) / n
        gap, variance = gap + sign * share, variance + share * (1 - share) / n
    return gap > MEMORISING + 2 * math.sqrt(variance)


def _margin(game: Game) -> float:
    return float(game["logit_training"] - game["logit_fake"])


def _measured(history: Sequence[Game]) -> list[Game]:
    """Snapshots with a quality: without those whose samples were no numbers, or had nothing to be compared with."""
    return [game for game in history if "distance" in game]
