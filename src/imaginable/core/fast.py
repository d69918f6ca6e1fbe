"""What makes training and sampling fast and is no method's own (figures: docs/performance.md).

Chosen by probing the machine, recorded in job.yaml.
"""

import ctypes
import platform
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import nn

from imaginable.core.errors import UserError

PRECISIONS = ("auto", "float32", "bfloat16")


def tune_process() -> None:
    """Settings of the whole process; call once, before the first large allocation."""
    # float32 products through the reduced-precision units: 2x on CPU matmul, error 6e-7
    torch.set_float32_matmul_precision("medium")
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """glibc returns large blocks to the system at once; a training step asks for the same ones again,
    and every page is zeroed anew. Up to 1.6x with large batches. Linux with glibc only."""
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    trim_threshold, top_pad, mmap_max = -1, -2, -4  # constants of malloc.h
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, -1)  # as unsigned: never
    mallopt(top_pad, 64 << 20)


def choose_device(name: str) -> torch.device:
    """`auto` is the GPU when there is one. Raises UserError for a device this machine lacks."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device {name}: this machine or this build of PyTorch has no such device") from error
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 autocast where the processor multiplies it natively, else float32."""
    if name == "auto":
        return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32
    if name not in PRECISIONS:
        raise UserError(f"--precision {name}: one of {', '.join(PRECISIONS)}")
    return torch.bfloat16 if name == "bfloat16" else torch.float32


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    flags = Path("/proc/cpuinfo")
    if device.type != "cpu" or not flags.exists():
        return False
    return any(flag in flags.read_text() for flag in ("avx512_bf16", "amx_bf16"))


def autocast(device: torch.device, precision: torch.dtype) -> AbstractContextManager[object]:
    """Networks in `precision`, weights and everything numerically delicate in float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16)


def channels_last(module: nn.Module) -> nn.Module:
    """Weights in the memory format that convolutions on CPU and tensor cores like."""
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
