"""The report's section on a run's health: verdicts with remedies, and the numbers behind them as charts."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from imaginable.training import game_health
from imaginable.training.health import Diagnosis
from imaginable.training.vitals import ACTIVE

Chart = Callable[[Axes], None]


def sentences(diagnosis: Diagnosis) -> Iterator[str]:
    """Paragraphs: every finding with what to do about it, or that there is none; then the numbers."""
    for finding in diagnosis.findings or ():
        yield f'<p class="warning"><b>{html.escape(finding.name)}</b>: {html.escape(finding.verdict)}.</p>'
        yield f"<p>What to do: {html.escape(finding.remedy)}.</p>"
    if not diagnosis.findings:
        yield f"<p>{html.escape(str(diagnosis))}.</p>"
    numbers = diagnosis.numbers
    stated = [f"{text} {numbers[name]:,.4g}{unit}" for name, text, unit in _STATED if name in numbers]
    if stated:
        yield f"<p>On {numbers['items']} items: {', '.join(stated)}.</p>"
    if "distance" in numbers.get("game", {}):
        yield f"<p>{_game(numbers['game'])}</p>"


def _game(game: Mapping[str, Any]) -> str:
    said = [
        f"{name} {game[key]:.0%}"
        for key, name in (("called_training", "training items"), ("called_held_out", "held-out items"))
        if key in game
    ]
    parts = [
        f"On {game['training']} training items and as many samples: {', '.join(game_health.summary(game))}.",
        f"The discriminator calls real: {', '.join(said)}, fakes {game['called_fake']:.0%}; "
        f"it tells {game['told_apart']:.0%} of the pairs of a real item and a fake apart.",
    ]
    shares = (
        ("duplicates", "Samples with a near-duplicate"),
        ("copies", "copies of training items"),
        ("twins", "near to one training item alone"),
    )
    known = [f"{name} {game[key]:.1%} ± {game[f'{key}_error']:.1%}" for key, name in shares if key in game]
    return " ".join([*parts, *([f"{', '.join(known)}."] if known else [])])


_STATED = (
    ("rate", "rate", " nats"),
    ("distortion", "distortion", " nats"),
    ("bound", "bound", " nats"),
    ("off_prior", "gain of a density fitted to the codes over the prior", " nats"),
    ("perplexity", "perplexity of the codes", ""),
    ("error", "root mean squared error", ""),
    ("deviation", "deviation of p(x | z)", ""),
)


def charts(history: Sequence[tuple[int, Diagnosis]]) -> bytes | None:
    """One PNG: KL per latent dimension, use of the codebook, the way through the rate-distortion plane; of a GAN, what
    its samples are like and what its discriminator says, through time."""
    numbers = history[-1][1].numbers
    drawn = [chart for chart in (_kl(numbers), _usage(numbers), _plane(history), *_of_game(history)) if chart]
    if not drawn:
        return None
    figure = Figure(figsize=(4.2 * len(drawn), 2.8), layout="constrained")
    for number, draw in enumerate(drawn, 1):
        axis = figure.add_subplot(1, len(drawn), number)
        draw(axis)
        axis.title.set_fontsize(10)
        axis.tick_params(labelsize=7)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _kl(numbers: Mapping[str, Any]) -> Chart | None:
    if "kl" not in numbers:
        return None

    def draw(axis: Axes) -> None:
        active = numbers.get("active_units", len(numbers["kl"]))
        colours = ["tab:blue" if place < active else "tab:gray" for place in range(len(numbers["kl"]))]
        axis.bar(range(1, len(numbers["kl"]) + 1), numbers["kl"], color=colours, width=0.9)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_title("KL of each latent dimension, sorted, nats")
        axis.set_xlabel(f"grey: not in use (variance of the mean below {ACTIVE})", fontsize=8)

    return draw


def _usage(numbers: Mapping[str, Any]) -> Chart | None:
    if "usage" not in numbers:
        return None

    def draw(axis: Axes) -> None:
        axis.bar(range(1, len(numbers["usage"]) + 1), numbers["usage"], width=1.0)
        axis.axhline(1 / numbers["codebook"], color="tab:gray", linewidth=1)
        axis.set_title("share of each code, sorted")
        axis.set_xlabel("line: if all were used alike", fontsize=8)

    return draw


def _plane(history: Sequence[tuple[int, Diagnosis]]) -> Chart | None:
    numbers = [found.numbers for _, found in history if found.findings is not None]  # the first steps would flatten all
    points = [(one["rate"], one["distortion"]) for one in numbers if "bound" in one]
    if not points:
        return None

    def draw(axis: Axes) -> None:
        rates, distortions = zip(*points, strict=True)
        axis.plot(rates, distortions, color="tab:gray", linewidth=1, marker=".", markersize=3)
        axis.plot(rates[-1], distortions[-1], "o", color="tab:blue")
        axis.set_title(f"distortion against rate, nats: now ({rates[-1]:.3g}, {distortions[-1]:.4g})")

    return draw


def _of_game(history: Sequence[tuple[int, Diagnosis]]) -> tuple[Chart | None, ...]:
    games = [(seen, found.numbers["game"]) for seen, found in history if "distance" in found.numbers.get("game", {})]
    if len(games) < 2:
        return ()
    samples = (("diversity", "diversity"), ("coverage", "coverage"))
    says = (("called_training", "training"), ("called_held_out", "held out"), ("called_fake", "fakes"))
    return (
        _through_time(games, "samples: share of what real items have", samples),
        _through_time(games, "share called real by the discriminator", says),
        _distance(games),
    )


def _through_time(games: Sequence[tuple[int, Any]], title: str, lines: Sequence[tuple[str, str]]) -> Chart:
    def draw(axis: Axes) -> None:
        for key, label in lines:
            known = [(seen, game[key]) for seen, game in games if key in game]
            if known:
                axis.plot(*zip(*known, strict=True), label=label, linewidth=1)
        axis.set_ylim(0, 1.2)
        axis.set_title(title)
        axis.legend(fontsize=7)

    return draw


def _distance(games: Sequence[tuple[int, Any]]) -> Chart:
    def draw(axis: Axes) -> None:
        seen, values, errors = zip(
            *((seen, game["distance"], game["distance_error"]) for seen, game in games), strict=True
        )
        axis.errorbar(seen, values, errors, linewidth=1)
        axis.set_yscale("symlog", linthresh=0.1)  # young generators are thousands of times as far
        axis.set_title("kernel distance; the mean item's is 1")

    return draw
