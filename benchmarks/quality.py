"""Quality figures of a trained run that `imaginable evaluate` does not have.

    python benchmarks/quality.py pca RUN DATA        an autoencoder against principal components of equal size
    python benchmarks/quality.py modes RUN           Gaussians hit by 2,000 samples of a run on the built-in gaussians

pca: mean squared error on the test images, values in [0, 1]; the components are fitted on the same training
images. modes: a mode is hit by at least 1 % of the samples within three deviations of it.
"""

import argparse

import numpy as np
from sklearn.decomposition import PCA

import imaginable as im
from imaginable.core import fast
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare
from imaginable.data.toys import DEVIATION
from imaginable.model import Model

SAMPLES = 1_000


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


def modes(model: Model) -> None:
    points = model.decode_tensor(model.latents(2 * SAMPLES, seed=0)).numpy()
    angles = np.arange(8) * np.pi / 4
    centres = np.stack([np.cos(angles), np.sin(angles)], 1)
    distances = np.linalg.norm(points[:, None] - centres, axis=2)
    near = distances.min(1) < 3 * DEVIATION
    shares = np.bincount(distances.argmin(1)[near], minlength=8) / len(points)
    print(f"{model.name}: {np.sum(shares >= 0.01)} of 8 modes, {near.mean():.1%} of {len(points)} samples on one")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pca", "modes"))
    parser.add_argument("run")
    parser.add_argument("data", nargs="?")
    options = parser.parse_args()
    fast.tune_process()
    model = im.load(options.run)
    if options.what == "modes":
        return modes(model)
    data = prepare(DataOptions(options.data, size=model.trained.spec.shape[-1]))
    return against_pca(model, data)


if __name__ == "__main__":
    main()
