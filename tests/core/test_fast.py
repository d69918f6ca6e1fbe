"""What is chosen for the machine, and refused."""

import pytest
import torch

from imaginable.core import fast
from imaginable.core.errors import UserError

CPU = torch.device("cpu")


def test_precision_is_as_asked_or_refused() -> None:
    assert fast.choose_precision("float32", CPU) == torch.float32
    assert fast.choose_precision("bfloat16", CPU) == torch.bfloat16
    assert fast.choose_precision("auto", CPU) in (torch.float32, torch.bfloat16)
    with pytest.raises(UserError, match="--precision float8: one of auto, float32, bfloat16"):
        fast.choose_precision("float8", CPU)


@pytest.mark.parametrize("name", ["cuda:99", "quantum"])
def test_a_device_this_machine_lacks_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"--device {name}"):
        fast.choose_device(name)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_autocast_multiplies_in_the_chosen_precision_and_keeps_weights(precision: torch.dtype) -> None:
    layer = torch.nn.Linear(2, 2)
    with fast.autocast(CPU, precision):
        assert layer(torch.ones(1, 2)).dtype == precision
    assert layer.weight.dtype == torch.float32
