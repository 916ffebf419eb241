"""A program that knows Hydra and numpy, and one context of vae: a small network that tells two spirals apart.

`python train.py` is one run, `python train.py -m` a search that is pruned and can be resumed.
"""

from pathlib import Path

import hydra
import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from vae.sweep import trial

Weights = dict[str, np.ndarray]
Points = tuple[np.ndarray, np.ndarray]
"""Coordinates (N, 2) and the arms that they lie on, (N,)."""


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> float:
    """Trains, and returns the validation accuracy: what the sweep maximises."""
    checkpoint = Path(HydraConfig.get().runtime.output_dir) / "checkpoint.npz"
    train, validation = spirals(cfg.points, seed=0), spirals(cfg.points, seed=1)
    first_epoch, weights = 0, initial(cfg.hidden, cfg.seed)
    if cfg.resume and checkpoint.exists():
        first_epoch, weights = load(checkpoint)
    accuracy = accuracy_of(weights, *validation)
    with trial.current() as reporter:  # does nothing outside a sweep
        for epoch in range(first_epoch, cfg.epochs):
            weights = one_epoch(weights, train, lr=cfg.lr, batch_size=cfg.batch_size, seed=(cfg.seed, epoch))
            accuracy = accuracy_of(weights, *validation)
            reporter.report(epoch + 1, accuracy)  # raises vae.errors.Pruned if the trial is not worth its time
            save(checkpoint, epoch + 1, weights)  # after the report: a report that is repeated is ignored
        reporter.set_attrs({"parameters": sum(w.size for w in weights.values())})
    print(f"validation accuracy {accuracy:.3f}")
    return accuracy


def spirals(points: int, seed: int) -> Points:
    """Points on two arms, with noise."""
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, 2, points)
    radius = rng.uniform(0.1, 1, points)
    angle = 6 * radius + np.pi * arm
    noise = rng.normal(0, 0.03, (points, 2))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1) + noise, arm


def initial(hidden: int, seed: int) -> Weights:
    """A network 2 - hidden - hidden - 1."""
    rng = np.random.default_rng(seed)
    sizes = {"1": (2, hidden), "2": (hidden, hidden), "3": (hidden, 1)}
    weights = {f"w{i}": rng.normal(0, fan_in**-0.5, (fan_in, fan_out)) for i, (fan_in, fan_out) in sizes.items()}
    return weights | {f"b{i}": np.zeros(fan_out) for i, (_, fan_out) in sizes.items()}


def layers(weights: Weights, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both hidden layers and the probability of arm 1, (B,)."""
    h1 = np.tanh(3 * x @ weights["w1"] + weights["b1"])
    h2 = np.tanh(h1 @ weights["w2"] + weights["b2"])
    return h1, h2, 1 / (1 + np.exp(-(h2 @ weights["w3"] + weights["b3"])[:, 0]))


def one_epoch(weights: Weights, points: Points, *, lr: float, batch_size: int, seed: tuple[int, int]) -> Weights:
    """Stochastic gradient descent on the cross-entropy, in an order that depends on the seed and the epoch alone."""
    x, y = points
    order = np.random.default_rng(seed).permutation(len(x))
    for start in range(0, len(x), batch_size):
        batch = order[start : start + batch_size]
        gradients = gradients_of(weights, x[batch], y[batch])
        weights = {name: w - lr * gradients[name] for name, w in weights.items()}
    return weights


def gradients_of(weights: Weights, x: np.ndarray, y: np.ndarray) -> Weights:
    """Of the mean cross-entropy, by backpropagation."""
    h1, h2, p = layers(weights, x)
    d3 = ((p - y) / len(x))[:, None]
    d2 = d3 @ weights["w3"].T * (1 - h2**2)
    d1 = d2 @ weights["w2"].T * (1 - h1**2)
    by_matrix = {"w1": 3 * x.T @ d1, "w2": h1.T @ d2, "w3": h2.T @ d3}
    return by_matrix | {"b1": d1.sum(0), "b2": d2.sum(0), "b3": d3.sum(0)}


def accuracy_of(weights: Weights, x: np.ndarray, y: np.ndarray) -> float:
    """Share of the points that are put on their arm."""
    return float(((layers(weights, x)[2] > 0.5) == y).mean())


def save(path: Path, epoch: int, weights: Weights) -> None:
    """Whole or not at all: a kill leaves the file of the epoch before."""
    part = path.with_name("part.npz")
    np.savez(part, epoch=epoch, **weights)
    part.replace(path)


def load(path: Path) -> tuple[int, Weights]:
    """The number of epochs that are done, and the weights after them."""
    with np.load(path) as file:
        return int(file["epoch"]), {name: file[name] for name in file.files if name != "epoch"}


if __name__ == "__main__":
    main()
