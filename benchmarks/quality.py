"""Quality figures of a trained run on labelled data (an .npz with train and test arrays).

    python benchmarks/quality.py pca RUN DATA        an autoencoder against principal components of equal size
    python benchmarks/quality.py classes RUN DATA    how often each class appears among 1,000 samples
    python benchmarks/quality.py modes RUN           Gaussians hit by 2,000 samples of a run on the built-in gaussians

pca: mean squared error on the test images, values in [0, 1]; the components are fitted on the same training
images. classes: by a small convolutional classifier trained here, whose test accuracy is printed. modes: a mode is
hit by at least 1 % of the samples within three deviations of it.
"""

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import Tensor, nn

import imaginable as im
from imaginable.core import fast
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare
from imaginable.data.toys import DEVIATION
from imaginable.model import Model

SAMPLES = 1_000
EPOCHS = 5


def against_pca(model: Model, data: Dataset) -> None:
    x = data.batch(data.held_out).x
    errors = ((model.decode_tensor(model.encode_tensor(x)) - x) / 2).square().flatten(1).mean(1).numpy()
    train, test = (data.items[part].reshape(len(part), -1) / 255 for part in (data.train, data.held_out))
    latents = model.encode_tensor(x[:1]).numel()
    pca = PCA(latents, random_state=0).fit(train)
    linear = np.square(pca.inverse_transform(pca.transform(test)) - test).mean(1)
    print(f"{model.name}, {latents} latents: test MSE {describe(errors)}")
    print(f"PCA, {latents} components:   test MSE {describe(linear)}")
    print(f"ratio {errors.mean() / linear.mean():.3f}")


def describe(errors: np.ndarray) -> str:
    return f"{errors.mean():.5f} ± {errors.std() / len(errors) ** 0.5:.5f} (n = {len(errors)})"


def classes(model: Model, data: Dataset) -> None:
    judge = classifier(data)
    test = data.batch(data.held_out)
    assert test.label is not None
    accuracy = float((predicted(judge, test.x) == test.label).float().mean())
    print(f"classifier: test accuracy {accuracy:.3f} (n = {len(test)})")
    samples = model.decode_tensor(model.latents(SAMPLES, seed=0))
    shares = torch.bincount(predicted(judge, samples), minlength=len(data.spec.classes)) / SAMPLES
    for name, share in zip(data.spec.classes, shares.tolist(), strict=True):
        print(f"  {name:12s} {share:6.1%}")
    print(f"least {shares.min():.1%} of {SAMPLES} samples of {model.name}")


def modes(model: Model) -> None:
    points = model.decode_tensor(model.latents(2 * SAMPLES, seed=0)).numpy()
    angles = np.arange(8) * np.pi / 4
    centres = np.stack([np.cos(angles), np.sin(angles)], 1)
    distances = np.linalg.norm(points[:, None] - centres, axis=2)
    near = distances.min(1) < 3 * DEVIATION
    shares = np.bincount(distances.argmin(1)[near], minlength=8) / len(points)
    print(f"{model.name}: {np.sum(shares >= 0.01)} of 8 modes, {near.mean():.1%} of {len(points)} samples on one")


def classifier(data: Dataset) -> nn.Module:
    """Two convolutions and two linear layers."""
    torch.manual_seed(0)
    channels, size, _ = data.spec.shape
    layers = [nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.25)]
    layers += [nn.Linear(64 * (size // 4) ** 2, 128), nn.ReLU(), nn.Linear(128, len(data.spec.classes))]
    judge = nn.Sequential(*layers)
    steps = EPOCHS * (len(data.train) // 128)
    adam = torch.optim.AdamW(judge.parameters(), 2e-3, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, 2e-3, total_steps=steps)
    random = np.random.default_rng(0)
    for _ in range(steps):
        batch = data.batch(random.choice(data.train, 128))
        assert batch.label is not None
        loss = F.cross_entropy(judge(batch.x), batch.label)
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
    return judge.eval()


@torch.no_grad()
def predicted(judge: nn.Module, x: Tensor) -> Tensor:
    return torch.cat([judge(part).argmax(1) for part in x.split(500)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pca", "classes", "modes"))
    parser.add_argument("run")
    parser.add_argument("data", nargs="?")
    options = parser.parse_args()
    fast.tune_process()
    model = im.load(options.run)
    if options.what == "modes":
        return modes(model)
    data = prepare(DataOptions(options.data, size=model.trained.spec.shape[-1]))
    return (against_pca if options.what == "pca" else classes)(model, data)


if __name__ == "__main__":
    main()
