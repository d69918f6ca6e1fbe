"""Several processes as one: started by torchrun, gradients averaged by one flat all-reduce."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous


def rank() -> int:
    return dist.get_rank() if _running() else 0


def ranks() -> int:
    return dist.get_world_size() if _running() else 1


def _running() -> bool:
    return dist.is_available() and dist.is_initialized()


@contextmanager
def processes() -> Iterator[None]:
    """Joins the group that torchrun describes in the environment. Alone: nothing.

    The group is not torn down: end the process with `leave` (see there).
    """
    if not several() or _running():
        yield
        return
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    store, number, count = next(rendezvous("env://"))
    dist.init_process_group("nccl" if on_gpu else "gloo", store=store, rank=number, world_size=count)
    yield
    dist.barrier()
    _part(store, number, count)


def _part(store: Any, number: int, count: int) -> None:
    """Returns when nobody is inside a collective any more, and on rank 0, which may hold the store, last."""
    if store.add("imaginable/through", 1) == count:
        store.set("imaginable/all_through", "1")
    store.wait(["imaginable/all_through"])
    if store.add("imaginable/gone", 1) == count:
        store.set("imaginable/all_gone", "1")
    if number == 0:
        store.wait(["imaginable/all_gone"])


def several() -> bool:
    """Whether torchrun started more than one process."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def leave(code: int) -> NoReturn:
    """Ends this process at once, its output written.

    Tearing gloo down, or letting the interpreter do it, now and then aborts a process whose work is done:
    its threads still watch sockets that a quicker peer has closed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def wait() -> None:
    """Until every rank is here."""
    if _running():
        dist.barrier()


@contextmanager
def first_alone() -> Iterator[None]:
    """Rank 0 runs the block before the others, which then find its result on disk."""
    if rank() != 0:
        wait()
    try:
        yield
    finally:
        if rank() == 0:
            wait()


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replaces every gradient by its mean over the ranks; parameters without gradient are skipped."""
    if not _running():
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= ranks()
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()


def average(value: Tensor) -> Tensor:
    """Mean over the ranks."""
    if _running():
        value = value.clone()
        dist.all_reduce(value)
        value /= ranks()
    return value


def broadcast_buffers(module: nn.Module) -> None:
    """Everyone takes rank 0's buffers (batch statistics and the like)."""
    if _running():
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)


def from_first(value: float) -> float:
    """Rank 0's number, for all to plan the same."""
    if not _running():
        return value
    shared = torch.tensor(value, dtype=torch.float64, device=_device())
    dist.broadcast(shared, src=0)
    return float(shared)


def _device() -> str:
    return "cuda" if dist.get_backend() == "nccl" else "cpu"


def any_rank(flag: bool) -> bool:
    """Whether the flag is set on any rank."""
    if not _running():
        return flag
    value = torch.tensor(float(flag), device=_device())
    dist.all_reduce(value)
    return bool(value > 0)
