"""VQ-VAE's three terms go where they should, and its prior is causal, exact and learns what there is to learn."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from imaginable.core import seeds
from imaginable.core.errors import UserError
from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods.vq_vae import VqVae, VqVaeNetworks
from imaginable.networks.vq import GridPrior
from imaginable.nn.quantize import usage
from imaginable.objectives.quantization import codebook_loss, commitment_loss

SPEC = DataSpec("images", (1, 16, 16), count=10)
EARLY = Progress(5, 100, 5)


def built(**fields: object) -> tuple[VqVae, VqVaeNetworks, Batch]:
    torch.manual_seed(0)
    method = VqVae(codes=8, dimensions=4, width=8, hidden=32, layers=2, **fields)  # type: ignore[arg-type]
    nets, batch = method.networks(SPEC, {}), Batch(torch.rand(6, 1, 16, 16) * 2 - 1)
    with torch.no_grad():
        for parameter in nets.autoencoder.parameters():  # no branch is still
            parameter.add_(0.1 * torch.randn_like(parameter))
        encoded = nets.autoencoder.encoder(batch.x)
    codebook = nets.autoencoder.codebook
    codebook.watch(encoded, codebook.nearest(encoded))
    codebook.move()
    assert int((usage(codebook.nearest(encoded), 8) > 0).sum()) >= 4
    return method, nets, batch


def gradients(method: VqVae, nets: VqVaeNetworks, batch: Batch) -> dict[str, Tensor]:
    nets.zero_grad(set_to_none=True)
    method.autoencoder_loss(nets, batch, EARLY).total.backward()
    return {name: value.grad.clone() for name, value in nets.autoencoder.named_parameters() if value.grad is not None}


# ---- the autoencoder


@pytest.mark.parametrize("codebook", ["ema", "gradient"])
def test_the_loss_is_a_mean_over_items_whatever_the_batch_size(codebook: str) -> None:
    method, nets, batch = built(codebook=codebook)
    whole = method.autoencoder_loss(nets, batch, EARLY)
    ones = [method.autoencoder_loss(nets, batch.part(at, at + 1), EARLY) for at in range(len(batch))]
    assert whole.total.item() == pytest.approx(sum(one.total.item() for one in ones) / 6, rel=1e-5)
    twice = method.autoencoder_loss(nets, Batch(batch.x.repeat(2, 1, 1, 1)), EARLY)
    for name in ("reconstruction", "commitment"):
        assert float(twice.terms[name]) == pytest.approx(float(whole.terms[name]), rel=1e-5)


def test_the_loss_is_equation_three() -> None:
    method, nets, batch = built(codebook="gradient", beta=0.7)
    part = nets.autoencoder
    encoded = part.encoder(batch.x)
    distances = (encoded[:, None] - part.codebook.embedding[:, :, None, None]).square().sum(2)  # (n, codes, h, w)
    squared = distances.amin(1).sum((1, 2))
    shown = part.decoder(method.encode(nets, batch.x))
    expected = -part.output.log_likelihood(batch.x, shown) + (1 + 0.7) * squared
    loss = method.autoencoder_loss(nets, batch, EARLY)
    assert loss.total.item() == pytest.approx(expected.mean().item(), rel=1e-5)


def test_beta_weighs_the_commitment_of_the_encoder_and_not_the_codebook() -> None:
    zero, one, three = (gradients(*built(codebook="gradient", beta=beta)) for beta in (0.0, 1.0, 3.0))
    _, nets, batch = built(codebook="gradient")
    entries = "codebook.embedding"
    for name, was in zero.items():
        # β is linear in the encoder's gradient, and nowhere else
        torch.testing.assert_close(three[name] - was, 3 * (one[name] - was), atol=2e-4, rtol=1e-3)
        assert name.startswith("encoder.") == (not torch.equal(one[name], was)), name
    encoded = nets.autoencoder.encoder(batch.x).detach()
    chosen = F.one_hot(nets.autoencoder.codebook.nearest(encoded), 8).float()  # (n, h, w, codes)
    pulls = 2 * (nets.autoencoder.codebook.embedding.detach() - encoded.movedim(1, -1)[..., None, :])
    torch.testing.assert_close(zero[entries], (chosen[..., None] * pulls).sum((0, 1, 2)) / 6, atol=1e-4, rtol=1e-4)


def test_the_decoders_gradient_reaches_the_encoder_unchanged() -> None:
    method, nets, batch = built(beta=0.0)
    part = nets.autoencoder
    found = gradients(method, nets, batch)["encoder.layers.0.weight"]
    encoded = part.encoder(batch.x)
    quantised = method.encode(nets, batch.x).requires_grad_()
    loss = -part.output.log_likelihood(batch.x, part.decoder(quantised)).mean()
    (onto_codes,) = torch.autograd.grad(loss, quantised)
    (expected,) = torch.autograd.grad(encoded, part.encoder.layers[0].weight, onto_codes)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_codebook_and_commitment_are_equal_numbers_with_gradients_to_one_side_each() -> None:
    torch.manual_seed(0)
    encoded, quantised = (torch.randn(3, 4, 2, 2, requires_grad=True) for _ in range(2))
    expected = (encoded - quantised).square().sum((1, 2, 3))
    for loss, moved, held in ((codebook_loss, quantised, encoded), (commitment_loss, encoded, quantised)):
        value = loss(encoded, quantised)
        torch.testing.assert_close(value, expected)
        found, nothing = torch.autograd.grad(value.sum(), (moved, held), allow_unused=True)
        torch.testing.assert_close(found, 2 * (moved - held))
        assert nothing is None


def test_reconstructions_are_what_training_saw_and_decoding_does_not_quantise_again() -> None:
    method, nets, batch = built()
    z = method.encode(nets, batch.x)
    entries = nets.autoencoder.codebook.embedding
    assert bool((z.movedim(1, -1)[..., None, :] == entries).all(-1).any(-1).all()), "codes are entries"
    between = 0.5 * (z[:1] + z[1:2])
    codebook = nets.autoencoder.codebook
    quantised = codebook.embed(codebook.nearest(between))
    assert not torch.equal(method.decode(nets, between), method.decode(nets, quantised))


def test_vitals_count_the_entries_and_give_the_distortion() -> None:
    method, nets, batch = built()
    nets.eval()
    found = method.vitals(nets, batch.x)
    assert found["usage"].tolist() == method.indices(nets, batch.x).flatten().bincount(minlength=8).tolist()
    shown = nets.autoencoder.decoder(method.encode(nets, batch.x))
    density = torch.distributions.Normal(shown, nets.autoencoder.output.variance.sqrt()).log_prob(batch.x)
    assert found["distortion"].item() == pytest.approx(-density.sum((1, 2, 3)).mean().item(), rel=1e-5)


# ---- the two parts of the run


def test_first_the_autoencoder_then_its_prior_and_each_ends_its_own_schedule() -> None:
    method, _, _ = built(prior_from=0.7)
    for fraction, player in ((0.0, "autoencoder"), (0.69, "autoencoder"), (0.7, "prior"), (1.0, "prior")):
        assert [phase.player for phase in method.phases() if phase.active(0, fraction)] == [player]
    rules = method.optimizers()
    assert rules["autoencoder"].schedule.factor(0.7) == pytest.approx(0, abs=1e-9)
    assert 0 < rules["prior"].schedule.factor(0.7) < 0.01
    assert rules["prior"].schedule.factor(1.0) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_run_without_room_for_both_parts_is_refused(share: float) -> None:
    with pytest.raises(UserError, match="--prior-from"):
        VqVae(prior_from=share).networks(SPEC, {})


def test_the_priors_turn_changes_nothing_of_the_autoencoder() -> None:
    method, nets, batch = built()
    before = {name: value.clone() for name, value in nets.autoencoder.state_dict().items()}
    method.prior_loss(nets, batch, EARLY).total.backward()
    assert all(torch.equal(value, before[name]) for name, value in nets.autoencoder.state_dict().items())
    assert all(value.grad is None for value in nets.autoencoder.parameters())


# ---- the prior


def stirred(prior: GridPrior) -> GridPrior:
    """With branches that no longer start at zero."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return prior.eval()


def test_a_later_code_never_changes_the_logits_before_it() -> None:
    prior = stirred(GridPrior(5, 3, 32, 2))
    codes = torch.randint(5, (1, 3, 3))
    logits = prior(codes).flatten(2)  # (1, 5, cells)
    for cell in range(9):
        other = codes.flatten(1).clone()
        other[0, cell] = (other[0, cell] + 1) % 5
        changed = (prior(other.view(1, 3, 3)).flatten(2) - logits).abs().amax((0, 1))
        assert torch.equal(changed[: cell + 1], torch.zeros(cell + 1)), "its own logits, too, come before it"
        assert bool((changed[cell + 1 :] > 1e-4).all()), "every cell sees all those before it"


def test_the_probabilities_of_all_grids_sum_to_one() -> None:
    prior = stirred(GridPrior(3, 2, 32, 2))
    every = torch.cartesian_prod(*[torch.arange(3)] * 4).view(-1, 2, 2)
    nats = F.cross_entropy(prior(every), every, reduction="none").sum((1, 2))
    assert torch.exp(-nats).sum().item() == pytest.approx(1, abs=1e-5)


def test_samples_follow_the_probabilities_that_training_descends() -> None:
    """The cell by cell way with kept keys and values is the whole pass: chi-squared over all 16 grids."""
    prior = stirred(GridPrior(2, 2, 32, 2))
    every = torch.cartesian_prod(*[torch.arange(2)] * 4).view(-1, 2, 2)
    with torch.no_grad():
        expected = torch.exp(-F.cross_entropy(prior(every), every, reduction="none").sum((1, 2))) * 20_000
    drawn = prior.sample(20_000, seeds.generator(0)).flatten(1) @ torch.tensor([8, 4, 2, 1])
    counts = drawn.bincount(minlength=16)
    kept = expected > 5
    assert int(kept.sum()) >= 6
    statistic = ((counts - expected).square() / expected)[kept].sum()
    assert float(statistic) < 45, "15 degrees of freedom: passed by chance in one of 10,000 seeds"


def test_the_prior_learns_a_known_distribution_down_to_its_entropy() -> None:
    """Grids of 3 x 3 from 4 codes: the first uniform; each further one its predecessor plus 0 (½) or 1 (½); the
    last the sum of first and second. 2 ln 2 + 7 ln 2 nats, of which a model of single cells would need 9 ln 4."""
    torch.manual_seed(0)

    def toy(n: int) -> Tensor:
        steps = torch.randint(2, (n, 9))
        steps[:, 0] = torch.randint(4, (n,))
        grid = steps.cumsum(1) % 4
        grid[:, 8] = (grid[:, 0] + grid[:, 1]) % 4
        return grid.view(n, 3, 3)

    prior = GridPrior(4, 3, 32, 2)
    adam = torch.optim.Adam(prior.parameters(), 3e-3)
    for _ in range(400):
        codes = toy(128)
        adam.zero_grad()
        loss = F.cross_entropy(prior(codes), codes, reduction="none").sum((1, 2)).mean()
        loss.backward()
        adam.step()
    fresh = toy(4000)
    with torch.no_grad():
        nats = F.cross_entropy(prior(fresh), fresh, reduction="none").sum((1, 2)).mean()
    entropy = (2 + 7) * math.log(2)
    assert entropy - 0.01 < nats.item() < entropy + 0.1
    drawn = prior.sample(2000, seeds.generator(1)).flatten(1)
    obeys = (drawn[:, 8] == (drawn[:, 0] + drawn[:, 1]) % 4).float().mean()
    assert obeys.item() > 0.95


def test_the_generator_alone_decides_the_samples() -> None:
    method, nets, _ = built()
    stirred(nets.prior)
    codes = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(codes))
        codes.append(method.prior(nets, 5, SPEC, seeds.generator(seed)))
    assert torch.equal(codes[0], codes[1])
    assert not torch.equal(codes[0], codes[2])
    assert codes[0].shape == (5, 4, 4, 4)


def test_the_priors_loss_is_in_nats_a_picture() -> None:
    method, nets, batch = built()
    with torch.no_grad():
        nets.prior.head[1].weight.zero_()
        nets.prior.head[1].bias.zero_()
    assert method.prior_loss(nets, batch, EARLY).total.item() == pytest.approx(16 * math.log(8), rel=1e-5)


@pytest.mark.parametrize(
    ("size", "halvings", "grid"),
    [(28, None, 7), (32, None, 8), (64, None, 16), (128, None, 16), (72, None, 9), (28, 3, 4), (20, 3, 3), (64, 1, 32)],
)
def test_the_grid_of_any_size(size: int, halvings: int | None, grid: int) -> None:
    method = VqVae(width=8, dimensions=4, codes=8, hidden=32, layers=1, halvings=halvings)
    spec = dataclasses.replace(SPEC, shape=(3, size, size))
    nets = method.networks(spec, {})
    z = method.encode(nets, torch.zeros(2, 3, size, size))
    assert z.shape == (2, *method.latent_shape(spec)) == (2, 4, grid, grid)
    assert method.decode(nets, z).shape == (2, 3, size, size)


def test_a_code_is_as_long_as_its_cells_say() -> None:
    assert VqVae(codes=256).code_bits(DataSpec("images", (1, 28, 28))) == 49 * 8
