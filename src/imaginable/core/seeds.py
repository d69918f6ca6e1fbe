"""Every random draw is a pure function of what it is for, so that a resumed run repeats it."""

import hashlib

import torch


def derive(*parts: int | str) -> int:
    """A 63-bit seed from names and numbers; different parts give unrelated seeds."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1


def generator(*parts: int | str, device: str = "cpu") -> torch.Generator:
    """A torch generator seeded with `derive(*parts)`."""
    return torch.Generator(device).manual_seed(derive(*parts))
