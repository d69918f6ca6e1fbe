"""What the class-conditional adversarial methods share: which classes are asked for."""

import torch
from torch import Tensor

from imaginable.core.types import Batch


def fake_classes(batch: Batch, classes: int) -> Tensor | None:
    """Of as many fakes as the batch has items: those of the items, a random one where it is unknown. (n,) or None.

    So fakes of a class are as frequent as items of it, and being frequent says nothing about being real.
    """
    if not classes:
        return None
    random = torch.randint(classes, (len(batch),), device=batch.x.device)
    return random if batch.label is None else torch.where(batch.label < 0, random, batch.label)
