"""From words to calls: flags are read off dataclasses and the apps' functions by tyro.

The words before the first flag are a function's positional parameters, its keyword-only ones are flags.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import inspect
import io
import itertools
import keyword
import re
import time
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from imaginable.core.errors import UserError, nearest
from imaginable.data.dataset import DataOptions

_MODULES = {"resume": "imaginable.apps.train", "studio": "imaginable.studio.server"}
"""of verbs whose function is not in apps/VERB.py"""

Handler = Callable[[list[str], list[str]], int]


def run(verb: str, words: Sequence[str]) -> int:
    """Runs a verb that exists; returns the exit code."""
    own: dict[str, Handler] = {"train": _train, "check": _check}
    leading, flags = _split(list(words), operators=verb == "arithmetic")
    if verb in own:
        return own[verb](leading, flags)
    return _call(verb, leading, flags)


def parse(target: Any, flags: Sequence[str], prog: str, about: str, default: Any = None) -> Any:
    """tyro's reading of the flags into a dataclass. Raises UserError with one line for what is wrong."""
    box = io.StringIO()
    given = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(box):
            result, unknown = tyro.cli(
                tyro.conf.OmitArgPrefixes[target],  # type: ignore[misc]
                args=list(flags),
                prog=prog,
                description=about,
                return_unknown_args=True,
                **given,
            )
    except SystemExit as stop:
        if not stop.code:  # --help
            raise
        raise UserError(f"{_message(box.getvalue())} (see: {prog} --help)") from None
    if unknown:
        word = unknown[0].split("=")[0]
        if not word.startswith("-"):
            raise UserError(f"{word!r} is not understood here: words come before flags (see: {prog} --help)")
        raise UserError(f"unknown flag {word}{nearest(word, _flags(target))} (see: {prog} --help)")
    return result


def _message(box: str) -> str:
    """What stands in an error box drawn for the terminal: after its title, up to the next rule.

    Where the terminal knows ASCII only, the rules are of hyphens.
    """
    lines = [re.sub("^-+$", "", line.strip("│╭╰╮╯─ ")) for line in box.splitlines()][1:]
    text = " ".join(itertools.takewhile(bool, itertools.dropwhile(lambda line: not line, lines)))
    return re.sub(r"\s+", " ", text) or "the flags were not understood"


def _flags(target: Any) -> list[str]:
    """All flags of a dataclass, those of its parts included."""
    found = []
    for name, hint in typing.get_type_hints(target).items():
        found += _flags(hint) if dataclasses.is_dataclass(hint) else ["--" + name.replace("_", "-")]
    return found


def _split(words: list[str], operators: bool) -> tuple[list[str], list[str]]:
    """The words before the first flag, and the rest; with operators a lone - is a word."""
    for number, word in enumerate(words):
        if word.startswith("-") and not (operators and word == "-"):
            return words[:number], words[number:]
    return words, []


def _asks_for_help(flags: Sequence[str]) -> bool:
    return "-h" in flags or "--help" in flags


# ---- verbs whose function's signature says all


def _call(verb: str, leading: list[str], flags: list[str]) -> int:
    name = f"{verb}_" if keyword.iskeyword(verb) else verb
    module = importlib.import_module(_MODULES.get(verb, f"imaginable.apps.{name}"))
    function = getattr(module, name)
    hints = typing.get_type_hints(function, include_extras=True)  # those that say a flag may come often
    parameters = inspect.signature(function).parameters.values()
    words = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    options = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "say"]
    prog = " ".join(["imaginable", verb, *(p.name.upper() for p in words)])
    target = dataclasses.make_dataclass("Flags", [_field(p, hints[p.name]) for p in options], frozen=True)
    chosen = parse(target, flags, prog, inspect.getdoc(function) or "")
    arguments = _bind(words, hints, leading, prog)
    stopped = function(*arguments, **{p.name: getattr(chosen, p.name) for p in options})
    return 130 if verb == "resume" and stopped else 0


def _field(parameter: inspect.Parameter, hint: Any) -> Any:
    if len(parameter.name) == 1:
        hint = Annotated[hint, tyro.conf.arg(aliases=[f"-{parameter.name}"])]
    if parameter.default is parameter.empty:
        return parameter.name, hint
    return parameter.name, hint, dataclasses.field(default=parameter.default)


def _bind(words: list[inspect.Parameter], hints: dict[str, Any], given: list[str], prog: str) -> list[Any]:
    """Words for positional parameters; the last one takes all that are left where it is a sequence."""
    values: list[Any] = []
    rest = list(given)
    for parameter in words:
        convert = Path if hints[parameter.name] is Path else str
        if typing.get_origin(hints[parameter.name]) is not None:
            item = Path if Path in typing.get_args(hints[parameter.name]) else str
            values.append([item(word) for word in rest])
            rest = []
        elif rest:
            values.append(convert(rest.pop(0)))
        else:
            raise UserError(f"{parameter.name.upper()} is missing: {prog}")
    if rest:
        raise UserError(f"{rest[0]!r} is one word too many: {prog}")
    return values


# ---- check and train, whose flags are those of a job


def _check(leading: list[str], flags: list[str]) -> int:
    from imaginable.apps.check import check

    if len(leading) != 1 and not _asks_for_help(flags):
        raise UserError("check takes one DATA: imaginable check FOLDER")
    about = "What is in there, and what would be fixed or skipped. --out FILE.png writes a contact sheet."
    default = Look(DataOptions(leading[0] if leading else ""))
    asked = parse(Look, flags, "imaginable check DATA", about, default)
    print("\n".join(check(asked.data, asked.out).lines()))
    return 0


@dataclasses.dataclass(frozen=True)
class Look:
    """Flags of check."""

    data: DataOptions
    out: Path | None = None
    """a contact sheet, .png"""


@dataclasses.dataclass(frozen=True)
class Extras:
    """Flags of train that are no field of the job."""

    run: str | None = None
    """name of the run (a folder under runs/) or a path; by default METHOD-DATA"""
    budget: str | None = None
    """train as much as fits into this time, such as 10m: sets --images"""
    preset: str | None = None
    """a named set of the method's fields: small, base or paper"""
    start_from: Annotated[str | None, tyro.conf.arg(name="from")] = None
    """begin with the weights of this run's model (fine-tuning)"""
    seeds: int | None = None
    """so many runs with different seeds, as one"""
    config: str | None = None
    """a job.yaml whose values are the defaults"""


def _train(leading: list[str], flags: list[str]) -> int:
    started = time.monotonic()
    usage = "imaginable train METHOD DATA"
    if not leading and _asks_for_help(flags):
        print(f"usage: {usage} [flags]\n\nFlags depend on the method: imaginable train vae --help")
        return 0
    if not leading or len(leading) > 2:
        raise UserError(f"train takes a method and data: {usage} (see: imaginable methods)")
    from imaginable.apps import train as app
    from imaginable.core import distributed
    from imaginable.methods._method import find

    name, source = leading[0], leading[1] if len(leading) == 2 else ""
    method = find(name)
    if source and not method.consumes:
        raise UserError(f"train {name} takes no data: it learns from its {' and '.join(method.needs)} ({source!r})")
    default = _defaults(method, source, _value(flags, "--preset"), _value(flags, "--config"))
    if method.consumes and not default.data.source and not _asks_for_help(flags):
        raise UserError(
            f"train {name} needs data, named before any flag: "
            "a folder, a zip, an .npz, or sneakers, digits, stacked-digits, gaussians, gaussians-grid"
        )
    about = f"{type(default.method).__doc__} Any field of the job is a flag."
    prog = f"imaginable train {name} DATA" if method.consumes else f"imaginable train {name}"
    request = parse(type(default), flags, prog, about, default)
    job, extras = _job(request, name), request.extras
    budget = None if extras.budget is None else app.seconds_of(extras.budget)
    if extras.seeds is not None and extras.seeds < 1:
        raise UserError(f"--seeds {extras.seeds}: must be at least 1")
    with distributed.processes():
        if extras.seeds:
            stopped = app.execute_seeds(job, extras.seeds, budget=budget)
        else:
            stopped = app.execute(job, budget=budget, started=started)
    return 130 if stopped else 0


def _defaults(method: Any, source: str, preset: str | None, config_file: str | None) -> Any:
    """Fields from the class, then the preset, then the configuration file; flags come last."""
    from imaginable.training import job as jobs
    from imaginable.training.job import Training

    # what a method does without is no flag, but fixed
    options: Any = DataOptions if method.consumes else tyro.conf.Suppress[tyro.conf.Fixed[DataOptions]]
    given = _given(method)
    fields = [("method", method), ("data", options), ("training", Training), ("extras", Extras), ("given", given)]
    request = dataclasses.make_dataclass("Request", fields, frozen=True)
    if config_file:
        if preset:
            raise UserError("--preset and --config both give the defaults: name one of them")
        job = jobs.load(Path(config_file))
        if type(job.method) is not method:
            raise UserError(f"--config {config_file}: it is for another method, {type(job.method).__name__}")
        data = dataclasses.replace(job.data, source=source or job.data.source)
        return request(job.method, data, job.training, Extras(start_from=job.start_from), given(**job.given))
    if preset is not None and preset not in method.presets:
        known = ", ".join(method.presets)
        raise UserError(f"--preset {preset}: no such preset{nearest(preset, method.presets)} (there are: {known})")
    chosen = method(**method.presets[preset]) if preset else method()
    return request(chosen, DataOptions(source), Training(), Extras(), given())


def _given(method: Any) -> Any:
    """A dataclass of the flags that name the trained models a method needs."""
    about = tyro.conf.arg(help="the run of the trained model that this one is made for")
    names = [(name, Annotated[str | None, about], None) for name in method.needs]
    return dataclasses.make_dataclass("Given", names, frozen=True)


def _job(request: Any, name: str) -> Any:
    from imaginable.apps.train import free_folder
    from imaginable.training.job import Job

    run, given = request.extras.run, dataclasses.asdict(request.given)
    if run is None:
        run = str(free_folder(name, request.data.source or next(filter(None, given.values()), "")))
    elif Path(run).name == run:
        run = str(Path("runs") / run)
    given = {name: folder for name, folder in given.items() if folder}
    return Job(request.method, request.data, request.training, run, request.extras.start_from, given)


def _value(flags: Sequence[str], flag: str) -> str | None:
    """The value of a flag that must be known before the others can be read."""
    for number, word in enumerate(flags):
        if word == flag and number + 1 < len(flags):
            return flags[number + 1]
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return None
