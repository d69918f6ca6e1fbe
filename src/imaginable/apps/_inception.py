"""Where the weights of the Inception network come from: a file of the user's, the cache, or their public release.

The release is PyTorch's form of the weights that TensorFlow published for the FID (Heusel et al. 2017,
arXiv:1706.08500). It is fetched once, and nothing is read from it before its SHA-256 fits.
"""

from __future__ import annotations

import hashlib
import io
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from imaginable.apps._pictures import Say
from imaginable.core import fast, files
from imaginable.core.errors import UserError
from imaginable.data import cache
from imaginable.networks.inception import Inception

NAME = "pt_inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{NAME}"
BYTES = 95_628_359
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"

_STALLED = 30
"""seconds without a byte after which a server is given up"""
_BLOCK = 2**20
_COUNTER = "num_batches_tracked"
"""batch norm's count of training batches, which some files have and some have not"""


def inception(file: Path | None, say: Say) -> Inception:
    """The network with its weights, in evaluation mode and without gradients."""
    network = _unfilled()
    network.load_state_dict(weights(file, say), assign=True)  # fills in the counters that the weights leave out
    fast.channels_last(network)
    return network.eval().requires_grad_(False)


def weights(file: Path | None, say: Say, url: str = URL) -> dict[str, Tensor]:
    """All parameters and batch statistics by name, float32, without batch norm's counters.

    file: .pth or .safetensors; None: the cached release, fetched from `url` if need be.
    Raises UserError for a file that is missing, damaged, or of another network, and if fetching fails.
    """
    if file is None:
        path = cached(cache.folder() / "weights" / NAME, url, BYTES, SHA256, say)
    else:
        path = file
        _check_release(path)
    return _fitting(_tensors(path), path)


def cached(path: Path, url: str, size: int, sha256: str, say: Say) -> Path:
    """`path`, after fetching it from `url` unless a copy with this digest is there. size: bytes.

    Raises UserError, and leaves at `path` what was there, if what comes is not the file that is expected.
    """
    if path.is_file():
        found = _digest(path)
        if found == sha256:
            return path
        say(f"{path}: damaged (SHA-256 {found}), fetching it again")
    say(f"fetching the weights of the Inception network ({size / 1e6:.1f} MB, once) from {url} into {path.parent}")
    _fetch(path, url, size, sha256)
    return path


def _fetch(path: Path, url: str, size: int, sha256: str) -> None:
    digest, received = hashlib.sha256(), 0
    with (
        _by_hand(url),
        _web().open(url, timeout=_STALLED) as response,
        files.replacing(path) as temporary,
        temporary.open("wb") as file,
    ):
        while received <= size and (block := response.read(_BLOCK)):  # an endless answer must not fill the disk
            file.write(block)
            digest.update(block)
            received += len(block)
        if received < size:
            raise ValueError(f"only {received:,} of {size:,} bytes came")
        if digest.hexdigest() != sha256:
            raise ValueError(f"wrong hash: the SHA-256 of what came is {digest.hexdigest()}, not {sha256}")


@contextmanager
def _by_hand(url: str) -> Iterator[None]:
    """Turns what can go wrong between here and a server into a UserError that says how to do without."""
    try:
        yield
    except (OSError, HTTPException, ValueError) as error:  # ValueError: no URL at all, or not the file expected
        if isinstance(error, HTTPError):
            error.close()  # it holds the connection
        reason = str(error).strip("<>")  # urllib's brackets
        raise UserError(
            f"{url}: not fetched ({reason}); fetch it by hand, on another machine if need be, "
            "and give it with --inception FILE"
        ) from error


def _web() -> urllib.request.OpenerDirector:
    """Opens http and https only, after redirections too, where urllib's own opener also takes files and FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,  # checks certificates
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def _digest(path: Path) -> str:
    with _readable(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def _check_release(path: Path) -> None:
    """A file that bears the release's name must be the release."""
    if path.name == NAME and path.is_file() and (found := _digest(path)) != SHA256:
        raise UserError(
            f"{path}: wrong hash, so damaged or not what its name says: its SHA-256 is {found}, "
            f"the release's {SHA256}; fetch it anew from {URL}"
        )


def _tensors(path: Path) -> dict[str, Tensor]:
    """What the file holds, on the CPU."""
    if path.suffix not in (".pth", ".safetensors"):
        raise UserError(f"--inception {path}: the ending says the format, .pth or .safetensors")
    if not path.is_file():
        raise UserError(f"--inception {path}: no such file")
    with _readable(path):
        content = path.read_bytes()
    try:
        if path.suffix == ".safetensors":
            found = safetensors.torch.load(content)
        else:
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # bytes that are no weights make torch's reader fail in any way
        raise UserError(f"{path}: not a file of weights, or damaged") from error
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise UserError(f"{path}: holds other things than tensors by their names; give a plain file of weights")
    return {str(name): value for name, value in found.items()}


def _fitting(found: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The tensors without counters, float32. Raises UserError unless they are just those of the network."""
    found = {name: value for name, value in found.items() if not name.endswith(_COUNTER)}
    expected = {name: value for name, value in _unfilled().state_dict().items() if not name.endswith(_COUNTER)}
    wrong = (
        [f"{name} is missing" for name in expected if name not in found]
        + [f"{name} is not in the network" for name in found if name not in expected]
        + [
            f"{name} is {tuple(found[name].shape)} and should be {tuple(value.shape)}"
            for name, value in expected.items()
            if name in found and found[name].shape != value.shape
        ]
    )
    if wrong:
        more = f", and {len(wrong) - 1} more such" if len(wrong) > 1 else ""
        raise UserError(f"{path}: not the weights of the FID's Inception network: {wrong[0]}{more}")
    return {name: value.to(torch.float32) for name, value in found.items()}


def _unfilled() -> Inception:
    """The network without memory for its weights: nothing is drawn, and a second saved."""
    with torch.device("meta"):
        return Inception()
