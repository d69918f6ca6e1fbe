"""One process alone is a group of one, and nothing changes. (Two processes: training/test_processes.py)"""

import pytest
import torch
from torch import nn

from imaginable.core import distributed


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)


def test_alone_is_rank_zero_of_one() -> None:
    with distributed.processes():
        assert (distributed.rank(), distributed.ranks()) == (0, 1)
        assert not torch.distributed.is_initialized()


def test_alone_nothing_is_averaged() -> None:
    layer = nn.BatchNorm1d(2)
    layer.weight.grad = torch.tensor([1.0, 2.0])
    buffers = [buffer.clone() for buffer in layer.buffers()]
    distributed.average_gradients(layer.parameters())
    distributed.broadcast_buffers(layer)
    assert layer.weight.grad.tolist() == [1.0, 2.0]
    assert layer.bias.grad is None
    assert all(torch.equal(one, two) for one, two in zip(buffers, layer.buffers(), strict=True))
    assert distributed.average(torch.tensor(3.0)) == 3.0


def test_alone_nobody_waits() -> None:
    distributed.wait()
    with distributed.first_alone():
        pass
    assert distributed.from_first(2.5) == 2.5
    assert distributed.any_rank(True)
    assert not distributed.any_rank(False)


def test_alone_first_passes_errors_on() -> None:
    with pytest.raises(KeyError), distributed.first_alone():
        raise KeyError("data")
