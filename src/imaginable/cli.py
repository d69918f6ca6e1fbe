"""The command line: a verb, then a function of apps. Imports torch only once verb and method are known to be right."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from imaginable.core.errors import RunFailed, UserError, nearest

VERBS = {
    "check": "DATA                        what is in there, what would be fixed or skipped",
    "train": "METHOD DATA                 train a model (--size --images | --budget 10m --preset --run ...)",
    "resume": "RUN                         go on exactly where a run stopped",
    "methods": "                            what can be trained",
    "info": "RUN                         what a run or model is",
    "sample": "RUN -n 64 --out DIR         new pictures",
    "reconstruct": "RUN IMAGES --out DIR        what the model makes of pictures",
    "morph": "RUN [A B ...] --out x.gif   a smooth way through pictures, seeds or label:NAME",
    "arithmetic": "RUN A - B + C --out x.png   sums of codes",
    "encode": "RUN IMAGES --out codes.npz  codes, and the nearest pictures by code",
    "invert": "RUN IMAGES --out DIR        codes of your own pictures, also for a GAN, and how far to trust them",
    "directions": "RUN [find|teach|show ...]   the sliders of a model: found, taught by pointing, named",
    "edit": "RUN [PICTURE] --move NAME=+2  a picture moved along directions; --recipe makes it again",
    "translate": "RUN IMAGES --out DIR        pictures of one kind made into another (--to a|b)",
    "upscale": "RUN IMAGES --out DIR        pictures made larger",
    "inpaint": "RUN IMAGES --masks DIR      parts of pictures made anew: white in the mask is filled",
    "augment": "RUN --per-class N --out DIR labelled synthetic pictures, filtered; --prove: whether they help",
    "anomalies": "RUN IMAGES --out DIR        which pictures are unlike those it learned from, and where",
    "evaluate": "RUN DATA [--likelihood]     how good a model is, measured on data it has not seen",
    "compare": "RUN RUN ... --data DATA     which of them is better, and at what: a table and a page",
    "export": "RUN --to diffusers --out DIR a folder that diffusers opens",
    "import": "PATH --run RUN              such a folder, or an official StyleGAN2 or 3 .pkl, as a run",
    "studio": "[RUN ...]                   a page with sliders, on this machine (--port, --data FOLDER)",
    "report": "RUN [RUN ...] --out x.html  one page for several runs",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0 done, 1 failed, 2 the request was wrong, 130 interrupted."""
    code = _main(list(sys.argv[1:] if arguments is None else arguments))
    if "imaginable.core.distributed" in sys.modules:  # else nobody joined a group, and torch need not be imported
        from imaginable.core import distributed

        if distributed.several():
            distributed.leave(code)
    return code


def _main(words: list[str]) -> int:
    try:
        return dispatch(words)
    except UserError as error:
        print(f"imaginable: {error}", file=sys.stderr)
        return 2
    except RunFailed as error:
        print(f"imaginable: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("imaginable: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away (| head)
        return 0


def dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        return 0 if words else 2
    verb, rest = words[0], words[1:]
    if verb == "--version":
        from imaginable import __version__

        print(__version__)
        return 0
    if verb not in VERBS:
        raise UserError(f"unknown command {verb!r}{nearest(verb, VERBS)} (see: imaginable --help)")
    if verb == "methods":
        return _methods()
    if verb == "train" and rest and not rest[0].startswith("-"):
        _known_method(rest[0])
    from imaginable import commands

    return commands.run(verb, rest)


def overview() -> str:
    lines = [f"  {verb:12s}{text}" for verb, text in VERBS.items()]
    return "\n".join(
        [
            "imaginable: your own images as a generative model whose latent space you can explore",
            "",
            *lines,
            "",
            "imaginable VERB --help says more. To begin: imaginable train vae sneakers --budget 3m",
        ]
    )


def _methods() -> int:
    from imaginable import methods

    for name in methods.names():
        print(f"{name:17s}{methods.summary(name)}")
    return 0


def _known_method(name: str) -> None:
    from imaginable import methods

    if ".py:" not in name and name not in methods.names():
        raise UserError(f"unknown method {name!r}{nearest(name, methods.names())} (see: imaginable methods)")
