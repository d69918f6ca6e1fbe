"""The codebook: exact lookups and gradients, running averages that find the centroids, entries that come back."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from imaginable.nn.quantize import Codebook, Learning, perplexity, straight_through, usage


def grid_of(vectors: Tensor) -> Tensor:
    """(cells, d) -> (1, d, 1, cells)."""
    return vectors.T[None, :, None, :]


def built(entries: Tensor, learning: Learning = "ema", decay: float = 0.9, restart: float = 0.0) -> Codebook:
    codebook = Codebook(*entries.shape, learning, decay, restart)
    with torch.no_grad():
        codebook.embedding.copy_(entries)
    return codebook


def learn(codebook: Codebook, vectors: Tensor) -> None:
    grid = grid_of(vectors)
    codebook.watch(grid, codebook.nearest(grid))
    codebook.move()


def test_the_nearest_entry_is_found_where_it_belongs_and_embedded_there() -> None:
    torch.manual_seed(0)
    codebook, grid = built(torch.randn(7, 3)), torch.randn(2, 3, 4, 5)
    indices = codebook.nearest(grid)
    for n, row, column in ((0, 0, 0), (0, 3, 1), (1, 2, 4)):
        distances = (codebook.embedding - grid[n, :, row, column]).square().sum(1)
        assert indices[n, row, column] == distances.argmin()
        assert torch.equal(codebook.embed(indices)[n, :, row, column], codebook.embedding[distances.argmin()])


def test_distances_are_float32_under_autocast() -> None:
    codebook = built(torch.tensor([[100.0], [100.1]]))  # one number in bfloat16
    with torch.autocast("cpu", torch.bfloat16):
        assert codebook.nearest(grid_of(torch.tensor([[100.04], [100.06]]))).flatten().tolist() == [0, 1]
        learn(codebook, torch.tensor([[100.04], [100.06]]))
    torch.testing.assert_close(codebook.embedding, torch.tensor([[100.04], [100.06]]))


def test_straight_through_has_the_quantised_value_and_hands_the_gradient_on_exactly() -> None:
    torch.manual_seed(0)
    encoded, quantised = torch.randn(2, 3, 4, 4, requires_grad=True), torch.randn(2, 3, 4, 4, requires_grad=True)
    weights = torch.randn(2, 3, 4, 4)
    out = straight_through(encoded, quantised)
    (out * weights).sum().backward()
    assert torch.equal(out, quantised)
    assert encoded.grad is not None
    assert torch.equal(encoded.grad, weights)
    assert quantised.grad is None


def test_the_entries_are_the_papers_running_averages() -> None:
    """Appendix A.1, equations 6 to 8, with the sums and counts of every batch written out."""
    torch.manual_seed(0)
    codebook = built(torch.tensor([[-1.0], [1.0]]), decay=0.9)
    count, total = torch.zeros(2), torch.zeros(2)
    for _ in range(5):
        vectors = 2 * torch.randn(10, 1)
        chosen = (vectors[:, 0] - codebook.embedding[1]).abs() < (vectors[:, 0] - codebook.embedding[0]).abs()
        for entry, mine in enumerate((~chosen, chosen)):
            count[entry] = 0.9 * count[entry] + 0.1 * mine.sum()
            total[entry] = 0.9 * total[entry] + 0.1 * vectors[mine].sum()
        learn(codebook, vectors)
        torch.testing.assert_close(codebook.embedding[:, 0], total / count)


def test_running_averages_find_the_centroids_of_clusters() -> None:
    torch.manual_seed(0)
    centres = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    codebook = built(centres + 0.8, decay=0.95)
    vectors = centres.repeat(200, 1) + 0.3 * torch.randn(600, 2)
    for part in vectors.split(60) * 20:
        learn(codebook, part)
    means = torch.stack([vectors[start::3].mean(0) for start in range(3)])  # Lloyd's fixed point: clusters are apart
    torch.testing.assert_close(codebook.embedding, means, atol=0.03, rtol=0)


def test_the_codebook_moves_only_when_told() -> None:
    torch.manual_seed(0)
    codebook, grid = Codebook(5, 2, "ema", 0.9, 0.1), torch.randn(2, 2, 3, 3)
    before = codebook.embedding.clone()
    codebook.watch(grid, codebook.nearest(grid))
    assert torch.equal(codebook.embedding, before)
    codebook.move()
    assert not torch.equal(codebook.embedding, before)


def test_parts_of_a_batch_are_the_batch() -> None:
    torch.manual_seed(0)
    entries, grid = torch.randn(5, 2), torch.randn(4, 2, 3, 3)
    whole, parts = built(entries), built(entries)
    whole.watch(grid, whole.nearest(grid))
    for part in grid.split(1):
        parts.watch(part, parts.nearest(part))
    for codebook in (whole, parts):
        codebook.move()
    torch.testing.assert_close(parts.embedding, whole.embedding)
    torch.testing.assert_close(parts.shares, whole.shares)


@pytest.mark.parametrize("learning", ["ema", "gradient"])
def test_a_dead_entry_restarts_on_a_vector_of_the_newest_batch_and_gets_used(learning: Learning) -> None:
    torch.manual_seed(0)
    codebook = built(torch.tensor([[0.0], [50.0]]), learning, decay=0.5, restart=0.1)
    learn(codebook, torch.tensor([[-1.0], [1.0], [60.0]]))  # both are in use
    assert codebook.embedding[1].item() > 40
    vectors = torch.tensor([[-1.0], [1.0], [-1.0], [1.0]])
    learn(codebook, vectors)
    assert codebook.embedding[1].item() > 40, "its share is a twelfth: still more than 0.1 / 2"
    learn(codebook, vectors)
    assert codebook.embedding[1].item() in (-1.0, 1.0)
    for _ in range(20):
        learn(codebook, vectors)
    assert sorted(usage(codebook.nearest(grid_of(vectors)), 2).tolist()) == [2, 2]


def test_without_restart_a_dead_entry_stays_where_it_is() -> None:
    codebook = built(torch.tensor([[0.0], [50.0]]), decay=0.5, restart=0.0)
    for _ in range(200):  # far beyond where its share vanishes
        learn(codebook, torch.tensor([[-1.0], [1.0]]))
    assert codebook.embedding[:, 0].tolist() == pytest.approx([0.0, 50.0], abs=1e-6)


def test_the_first_batch_places_the_whole_codebook() -> None:
    torch.manual_seed(0)
    codebook, vectors = Codebook(8, 2, "ema", 0.99, 0.1), 1000 + torch.rand(300, 2)
    learn(codebook, vectors)
    assert float(codebook.embedding.min()) >= 1000
    for _ in range(5):
        learn(codebook, vectors)
    assert int((usage(codebook.nearest(grid_of(vectors)), 8) > 0).sum()) >= 7


def test_restarts_are_decided_by_the_global_seed() -> None:
    def after(seed: int) -> Tensor:
        codebook = built(torch.arange(6.0)[:, None] + 100, restart=0.5)
        torch.manual_seed(seed)
        learn(codebook, torch.linspace(0, 1, 50)[:, None])
        return codebook.embedding

    assert torch.equal(after(1), after(1))
    assert not torch.equal(after(1), after(2))


def test_a_codebook_by_gradient_is_a_parameter_that_running_averages_leave_alone() -> None:
    codebook = built(torch.tensor([[0.0], [1.0]]), "gradient")
    assert [name for name, _ in codebook.named_parameters()] == ["embedding"]
    learn(codebook, torch.tensor([[0.2], [0.9]]))
    assert codebook.embedding.flatten().tolist() == [0.0, 1.0]
    assert not list(built(torch.zeros(2, 1)).parameters())


def test_usage_and_perplexity() -> None:
    counts = usage(torch.tensor([[0, 3], [3, 3]]), 5)
    assert counts.tolist() == [1, 0, 0, 3, 0]
    assert perplexity(torch.ones(7)).item() == pytest.approx(7)
    assert perplexity(torch.tensor([4.0, 0, 0])).item() == pytest.approx(1)
    assert perplexity(counts).item() == pytest.approx(math.exp(0.25 * math.log(4) + 0.75 * math.log(4 / 3)))


def test_two_processes_have_one_codebook_and_it_is_that_of_the_whole_batch(tmp_path: Path) -> None:
    script, out = Path(__file__).with_name("two_codebooks.py"), tmp_path / "codebooks.pt"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run([*launch, str(script), str(out)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    shared = torch.load(out, weights_only=True)
    assert torch.equal(*shared["after a restart"]), "one process's vectors for all"
    entries, vectors = shared["entries"], shared["vectors"]
    alone = built(entries)
    learn(alone, vectors.flatten(0, 1))
    for embedding in shared["without"]:
        torch.testing.assert_close(embedding, alone.embedding)


def test_the_nearest_entry_is_found_far_from_zero_with_fast_products() -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")  # as training sets it
    try:
        torch.manual_seed(0)
        codebook = Codebook(8, 2, "ema", 0.99, 0.0)
        entries = 1000 + torch.rand(8, 2)
        codebook.embedding.copy_(entries)
        vectors = 1000 + torch.rand(50, 2)
        expected = torch.cdist(vectors.double(), entries.double()).argmin(1)
        found = codebook.nearest(vectors.T.reshape(1, 2, 50, 1)).flatten()
    finally:
        torch.set_float32_matmul_precision(before)
    assert int((found != expected).sum()) <= 1  # a tie to within the rounding
