"""The report's section on a run's health: verdicts with remedies, and the numbers behind them as charts."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

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
    """One PNG: KL per latent dimension, use of the codebook, the way through the rate-distortion plane."""
    numbers = history[-1][1].numbers
    drawn = [chart for chart in (_kl(numbers), _usage(numbers), _plane(history)) if chart]
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
