"""From words to calls: flags are read off the dataclasses and the apps' functions by tyro."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import tyro

from imaginable.core import config
from imaginable.core.errors import UserError, nearest
from imaginable.data.dataset import DataOptions

M = TypeVar("M")


def run(verb: str, words: Sequence[str]) -> int:
    """Runs a verb that exists; returns the exit code."""
    handlers: Mapping[str, Callable[[list[str]], int]] = {
        "train": _train,
        "check": _check,
        "arithmetic": _arithmetic,
    }
    handler = handlers.get(verb)
    return handler(list(words)) if handler else _simple(verb, list(words))


def parse(target: Any, words: Sequence[str], prog: str, default: Any = None, about: str = "") -> Any:
    """tyro's reading of `words`, its error boxes as one line. Raises UserError."""
    stream = io.StringIO()
    given = {"default": default} if default is not None else {}
    try:
        with contextlib.redirect_stderr(stream):
            result, unknown = tyro.cli(
                target, args=list(words), prog=prog, return_unknown_args=True, description=about, **given
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UserError(f"{_plain(stream.getvalue())} (see: {prog} --help)") from None
    if unknown:
        flag = unknown[0]
        kind = "flag" if flag.startswith("-") else "word"
        raise UserError(f"unknown {kind} {flag}{nearest(flag.split('=')[0], _flags(target))} (see: {prog} --help)")
    return result


def _plain(box: str) -> str:
    """The message inside an error box drawn for the terminal."""
    lines = [line.strip("│ ").strip() for line in box.splitlines()]
    text = []
    for line in lines:
        if line.startswith("──"):
            break
        if line and not line.startswith(("╭", "╰")):
            text.append(line)
    return re.sub(r"\s+", " ", " ".join(text)) or "the words were not understood"


def _flags(target: Any) -> list[str]:
    """Names of all flags, for guessing which one was meant."""
    if dataclasses.is_dataclass(target):
        hints = {field.name: field.type for field in dataclasses.fields(target)}
        nested = [getattr(target, "parts", {}).get(name) for name in hints]
        names = [name for name in hints if name not in getattr(target, "parts", {})]
        return [_flag(name) for name in names] + [flag for part in nested if part for flag in _flags(part)]
    return [_flag(name) for name in inspect.signature(target).parameters]


def _flag(name: str) -> str:
    return "--" + name.strip("_").replace("_", "-")


# ---- train


@dataclass(frozen=True)
class Request(Generic[M]):
    """What `imaginable train` takes beside its two words."""

    method: M
    data: DataOptions
    training: Any
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


def _train(words: list[str]) -> int:
    started = time.monotonic()
    positional, flags = _leading(words, 2)
    if not positional:
        if flags and flags[0] in ("-h", "--help"):
            print("usage: imaginable train METHOD DATA [flags]; flags depend on the method: imaginable train vae --help")
            return 0
        raise UserError("train needs a method and data: imaginable train METHOD DATA (see: imaginable methods)")
    from imaginable.apps import train as app
    from imaginable.core import distributed
    from imaginable.methods._method import find

    name = positional[0]
    helping = "-h" in flags or "--help" in flags
    defaults = _defaults(find(name), _value(flags, "--preset"), _value(flags, "--config"))
    source = positional[1] if len(positional) > 1 else defaults.data.source
    if not source and not helping:
        raise UserError(f"train {name} needs data: a folder, a zip, an .npz, or sneakers, digits, gaussians")
    defaults = dataclasses.replace(defaults, data=dataclasses.replace(defaults.data, source=source))
    request = parse(_request_of(type(defaults.method), type(defaults.training)), flags,
                    f"imaginable train {name} DATA", defaults, type(defaults.method).__doc__ or "")
    job = _job(request, name)
    budget = app.seconds_of(request.budget) if request.budget else None
    if request.seeds is not None and request.seeds < 1:
        raise UserError(f"--seeds {request.seeds}: must be at least 1")
    try:
        with distributed.processes():
            if request.seeds:
                app.execute_seeds(job, request.seeds, budget=budget)
            else:
                app.execute(job, budget=budget, started=started)
    except app.Interrupted as stop:
        print(f"imaginable: {stop}", file=sys.stderr)
        return 130
    return 0


def _request_of(method: type, training: type) -> Any:
    """Request with its parts' types filled in, so that tyro sees their fields."""
    cls = dataclasses.make_dataclass(
        "Request",
        [("method", method), ("data", _Data), ("training", training)],
        bases=(Request,),
        frozen=True,
    )
    cls.parts = {"method": method, "data": DataOptions, "training": training}
    return tyro.conf.OmitArgPrefixes[cls]  # type: ignore[valid-type]


_Data = Annotated[DataOptions, tyro.conf.arg(name="")]


def _defaults(method: Any, preset: str | None, config_file: str | None) -> Request[Any]:
    """Fields from the class, then the preset, then the configuration file; flags come last."""
    from imaginable.training import job as jobs
    from imaginable.training.job import Training

    if config_file:
        job = jobs.load(Path(config_file))
        if type(job.method) is not method:
            raise UserError(f"--config {config_file}: it is for another method, {type(job.method).__name__}")
        return _request_of_defaults(job.method, job.data, job.training, job.run)
    if preset is not None and preset not in method.presets:
        known = ", ".join(method.presets)
        raise UserError(f"--preset {preset}: no such preset{nearest(preset, method.presets)} (there are: {known})")
    return _request_of_defaults(method(**method.presets.get(preset, {})), DataOptions(""), Training(), None)


def _request_of_defaults(method: Any, data: DataOptions, training: Any, run: str | None) -> Any:
    return Request(method, data, training, run=run)


def _job(request: Request[Any], name: str) -> Any:
    from imaginable.apps.train import free_folder
    from imaginable.training.job import Job

    run = request.run
    if run is None:
        run = str(free_folder(name, request.data.source))
    elif "/" not in run and "\\" not in run and not request.config:
        run = str(Path("runs") / run)
    return Job(request.method, request.data, request.training, run, request.start_from)


def _leading(words: list[str], most: int) -> tuple[list[str], list[str]]:
    """The words before the first flag, at most so many, and the rest."""
    count = 0
    while count < min(most, len(words)) and not words[count].startswith("-"):
        count += 1
    return words[:count], words[count:]


def _value(flags: Sequence[str], flag: str) -> str | None:
    """The value of a flag that must be known before the others can be read."""
    for number, word in enumerate(flags):
        if word == flag and number + 1 < len(flags):
            return flags[number + 1]
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return None


# ---- the other verbs


def _check(words: list[str]) -> int:
    positional, flags = _leading(words, 1)
    helping = "-h" in flags or "--help" in flags
    if not positional and not helping:
        raise UserError("check needs data: imaginable check FOLDER")
    from imaginable.apps.check import check

    @dataclass(frozen=True)
    class Check:
        """What is in there, what would be fixed or skipped."""

        data: DataOptions
        out: Path | None = None
        """a contact sheet, .png"""

    Check.parts = {"data": DataOptions}  # type: ignore[attr-defined]
    default = Check(DataOptions(positional[0] if positional else ""))
    request = parse(tyro.conf.OmitArgPrefixes[Check], flags, "imaginable check DATA", default)
    print("\n".join(check(request.data, request.out).lines()))
    return 0


def _arithmetic(words: list[str]) -> int:
    """`A - B + C`: a lone - or + is an operator, not a flag."""
    from imaginable.apps.arithmetic import arithmetic

    count = next((n for n, word in enumerate(words) if word.startswith("-") and word != "-"), len(words))
    expression, flags = words[:count], words[count:]
    if not expression and not flags:
        raise UserError("arithmetic needs a run and an expression: imaginable arithmetic RUN A - B + C")

    def parsed(out: Path | None = None) -> Path | None:
        """Sums of codes: imaginable arithmetic RUN A - B + C, each a picture, a folder, a seed or label:NAME."""
        return out

    out = parse(parsed, flags, "imaginable arithmetic RUN A - B + C")
    arithmetic(_existing(expression[0]), expression[1:], out=out)
    return 0


def _simple(verb: str, words: list[str]) -> int:
    """Verbs whose function's signature says all."""
    import importlib

    module = importlib.import_module(f"imaginable.apps.{'train' if verb == 'resume' else verb}")
    function = getattr(module, verb)
    parse(_command(function), words, f"imaginable {verb}", about=inspect.getdoc(function) or "")()
    return 0


def _existing(run: str) -> Path:
    if not Path(run).exists():
        raise UserError(f"{run}: no such run or model")
    return Path(run)


def _command(function: Callable[..., Any]) -> Any:
    return function


_ = (config, Generic)
