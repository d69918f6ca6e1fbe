"""The first stage of latent diffusion: pictures as small maps of unit variance, decoded sharply.

Rombach et al. 2022, "High-Resolution Image Synthesis with Latent Diffusion Models", arXiv:2112.10752
(the KL-regularised autoencoder of section 3.1 and appendix G), after Esser et al. 2021, "Taming Transformers
for High-Resolution Image Synthesis", arXiv:2012.09841 (VQGAN).

Objective, averaged over items, D numbers a picture:
    autoencoder   D [ e(x, x̂) / b + log 2b ] + w KL( q(z | x) ‖ N(0, I) ) + D v λ L_G(x̂)
    e = mean |x - x̂| + p · perceptual(x, x̂),   x̂ = decoder(z),   z = μ(x) + σ(x) ε
    critic C      E [ ½ max(0, 1 - C(x)) + ½ max(0, 1 + C(x̂)) ],   L_G = - E C(x̂), over patches
    λ = ‖∇ L_rec‖ / ‖∇ L_G‖ at the decoder's last layer (Esser et al., equation 7)
b, the scale of the error, is its running mean, which minimises the first term.

The KL term is so light (w = 1e-6) that it only keeps codes from drifting apart: this is no sampler, and has
no prior until one is fitted. `encode` gives latents of mean 0 and variance 1 (both measured while training).

Differs from the papers: their perceptual term stands on a network trained on ImageNet, this one on a small
network trained on the pictures at hand in the first part of the run, to tell by how many quarters a picture was
turned (Gidaris et al. 2018, arXiv:1803.07728) and, where there are classes, its class. b is solved for and not
learned. Adam's betas are 0.9 and 0.99 for 0.5 and 0.9 but in the critic: errors fell faster. The critic has group
norm for batch norm, patches of about half the picture, and a weight that rises from 0. Both players see the same
reconstructions. The latents' mean is measured beside their deviation, over the run and not on one batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.core.errors import UserError
from imaginable.core.optimizers import Adam, Optimizer, Schedule
from imaginable.core.sizes import Sizes
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._adversarial import drawn
from imaginable.methods._first_stage import FirstStage
from imaginable.methods._method import Method, Phase, Trained
from imaginable.networks.autoencoder_kl import KlAutoencoder
from imaginable.networks.features import FeatureNetwork, turned
from imaginable.networks.patch_critic import PatchCritic, levels_for
from imaginable.objectives.adversarial import adaptive_weight, hinge_discriminator_loss, hinge_generator_loss
from imaginable.objectives.perceptual import perceptual_distance
from imaginable.objectives.variational import kl_to_standard_normal, reparameterise

# fraction of the run over which the critic's weight rises: λ lets a critic that knows nothing pull as hard as any
_RISE = 0.05


class AutoencoderKlNetworks(nn.Module):
    def __init__(self, autoencoder: FirstStage, features: FeatureNetwork, critic: PatchCritic) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.features = features
        self.critic = critic


@final
@dataclass(frozen=True)
class AutoencoderKl(Method[AutoencoderKlNetworks]):
    """First stage of latent diffusion (Rombach et al. 2022)."""

    paper = "Rombach et al. 2022, High-Resolution Image Synthesis with Latent Diffusion Models, arXiv:2112.10752"
    consumes = frozenset({"images"})
    averaged = ("autoencoder",)
    couples = True  # the adaptive weight is one for the whole batch
    sizes = Sizes(least=16, most=1024, step=8)
    presets: ClassVar = {
        "small": {"block_out_channels": (16, 32, 64), "norm_num_groups": 4, "width": 16, "lr": 1e-3},
        "base": {},
        "paper": {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "width": 64, "lr": 5e-5},
    }

    block_out_channels: tuple[int, ...] = (64, 128, 256)
    """channels at every size, from the picture down; the size is halved between them"""
    layers_per_block: int = 1
    """residual blocks at every size; the decoder has one more"""
    latent_channels: int = 4
    """channels of the latent map"""
    norm_num_groups: int = 32
    """groups of the group norms; must divide the channels"""
    kl_weight: float = 1e-6
    """weight of the KL term"""
    perceptual_weight: float = 1.0
    """of the perceptual distance, beside the mean absolute error"""
    features_until: float = 0.15
    """the feature network trains up to this fraction of the run; the perceptual term counts from there"""
    critic_from: float = 0.5
    """the critic plays from this fraction of the run; 1 for no critic"""
    critic_weight: float = 0.5
    """of the critic's term, beside the adaptive weight"""
    width: int = 32
    """channels of the first convolution of the feature network and of the critic"""
    lr: float = 2e-4
    """Adam's learning rate, of all players"""

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> AutoencoderKlNetworks:
        channels, size, _ = spec.shape
        self._check_fields(size)
        networks = KlAutoencoder(
            channels, self.block_out_channels, self.layers_per_block, self.latent_channels, self.norm_num_groups
        )
        return AutoencoderKlNetworks(
            FirstStage(networks),
            FeatureNetwork(channels, self.width, 4 + len(spec.classes)),
            PatchCritic(channels, self.width, levels=levels_for(size)),
        )

    def _check_fields(self, size: int) -> None:
        wides, groups = self.block_out_channels, self.norm_num_groups
        if not wides or any(wide < 1 or wide % groups for wide in wides):
            given = " ".join(map(str, wides))
            raise UserError(f"--block-out-channels {given}: must be multiples of --norm-num-groups {groups}")
        if size % self.factor:
            raise UserError(f"--size {size}: {len(wides)} --block-out-channels take multiples of {self.factor}")

    @property
    def factor(self) -> int:
        """Pixels on a side for one latent."""
        return int(2 ** (len(self.block_out_channels) - 1))

    def optimizers(self) -> dict[str, Optimizer]:
        schedule = Schedule("cosine", decay_from=0.5, warmup=0.02)
        steady = Adam(self.lr, betas=(0.9, 0.99), schedule=schedule)
        return {"autoencoder": steady, "features": steady, "critic": replace(steady, betas=(0.5, 0.9))}

    def phases(self) -> tuple[Phase[AutoencoderKlNetworks], ...]:
        return (
            Phase("features", self.features_loss, stop=self.features_until),
            Phase("autoencoder", self.autoencoder_loss, draw=self.reconstructions, after=self.measure),
            Phase("critic", self.critic_loss, start=self.critic_from),
        )

    def features_loss(self, nets: AutoencoderKlNetworks, batch: Batch, progress: Progress) -> Loss:
        quarters = torch.randint(4, (len(batch),), device=batch.x.device)
        logits = nets.features(turned(batch.x, quarters))  # (n, 4 + classes)
        rotation = F.cross_entropy(logits[:, :4], quarters)
        right = (logits[:, :4].argmax(1) == quarters).float().mean()
        if batch.label is None:
            return Loss(rotation, rotation=rotation, rotation_right=right)
        labelled = F.cross_entropy(logits[:, 4:], batch.label, ignore_index=-1, reduction="none").mean()
        return Loss(rotation + labelled, rotation=rotation, rotation_right=right, label=labelled)

    def reconstructions(self, nets: AutoencoderKlNetworks, batch: Batch, progress: Progress) -> Tensor:
        """x̂, μ and log σ² of every item side by side, (n, numbers): made once a cycle for both players."""
        mean, log_variance = nets.autoencoder.networks.encode(batch.x)
        rebuilt = nets.autoencoder.networks.decode(reparameterise(mean, log_variance))
        return torch.cat([rebuilt.flatten(1), mean.flatten(1), log_variance.flatten(1)], dim=1)

    def autoencoder_loss(self, nets: AutoencoderKlNetworks, batch: Batch, progress: Progress) -> Loss:
        rebuilt, mean, log_variance = _apart(batch)
        error = absolute = (batch.x - rebuilt).abs().mean()
        terms = {"absolute": absolute}
        if progress.fraction >= self.features_until:
            terms["perceptual"] = perceptual_distance(nets.features.features, batch.x, rebuilt).mean()
            error = absolute + self.perceptual_weight * terms["perceptual"]
        scale, numbers = nets.autoencoder.error, batch.x[0].numel()
        nats = error / scale + (2 * scale).log()  # a number of the picture
        terms["kl"] = kl_to_standard_normal(mean, log_variance).sum(1).mean()
        nets.autoencoder.note(error, mean, log_variance)
        total = numbers * nats + self.kl_weight * terms["kl"]
        if progress.fraction >= self.critic_from:
            terms["generator"] = hinge_generator_loss(nets.critic(rebuilt)).mean()
            last_layer = nets.autoencoder.networks.decoder.conv_out.weight
            # the authors' limit on λ is meant for an error averaged over the picture's numbers
            terms["adaptive_weight"] = adaptive_weight(nats, terms["generator"], last_layer)
            weight = self.critic_weight * min(1.0, (progress.fraction - self.critic_from) / _RISE)
            total = total + numbers * weight * terms["adaptive_weight"] * terms["generator"]
        return Loss(total, **terms)

    def measure(self, nets: AutoencoderKlNetworks, batch: Batch, progress: Progress) -> None:
        nets.autoencoder.measure()

    def critic_loss(self, nets: AutoencoderKlNetworks, batch: Batch, progress: Progress) -> Loss:
        real, fake = nets.critic(batch.x), nets.critic(_apart(batch)[0])  # (n, h', w') each
        loss = hinge_discriminator_loss(real, fake).mean()
        return Loss(loss, critic=loss, real=real.mean(), fake=fake.mean())

    def latent_shape(self, spec: DataSpec) -> tuple[int, ...]:
        _, height, width = spec.shape
        return (self.latent_channels, height // self.factor, width // self.factor)

    def encode(self, nets: AutoencoderKlNetworks, x: Tensor, label: Tensor | None = None) -> Tensor:
        stage = nets.autoencoder
        return (stage.networks.encode(x)[0] - stage.shift) * stage.scale

    def decode(
        self,
        nets: AutoencoderKlNetworks,
        z: Tensor,
        label: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        stage = nets.autoencoder
        return stage.networks.decode(z / stage.scale + stage.shift).clamp(-1, 1)

    def vitals(self, nets: AutoencoderKlNetworks, x: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        mean, log_variance = nets.autoencoder.networks.encode(x)
        kl = kl_to_standard_normal(mean, log_variance)
        return {"kl": kl.mean(0).flatten(), "mean_variance": mean.var(0, correction=0).flatten()}


def _apart(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """x̂ (n, c, h, w), μ and log σ² (n, latents) out of the cycle's reconstructions."""
    together, pixels = drawn(batch), batch.x[0].numel()
    latents = (together.shape[1] - pixels) // 2
    rebuilt, mean, log_variance = together.split([pixels, latents, latents], dim=1)
    return rebuilt.unflatten(1, batch.x.shape[1:]), mean, log_variance
