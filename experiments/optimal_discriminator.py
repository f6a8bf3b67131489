"""Test if the best D is p_data / (p_data + p_g), as a document says: `make optimal-discriminator`

The d_on_g notebook also says that its loss measures the Jensen-Shannon divergence: JSD = ln 2 -
d_loss, from 0, if both densities are equal, to ln 2, if they do not overlap. Here both densities
are known functions of one number. For each pair, a small D is trained as in a GAN, by binary
cross-entropy on new samples. Its output is compared with the formula, and its loss on samples it
has not seen with the divergence by numerical integration. Takes a minute on 2 cores.
"""

import math

import numpy as np
from matplotlib.figure import Figure
from results import PICTURES, REFERENCE, save_plot, store, stored
from tables import table

from gan.cli import run_command
from gan.support.tensorflow import keras, layers, tf

RESULT = REFERENCE / "optimal_discriminator.json"
PLOT = PICTURES / "optimal_discriminator.png"
STEPS, BATCH, TEST_SAMPLES = 1000, 1024, 500_000
X = np.linspace(-8, 8, 16_001)
LN2 = math.log(2)
KEYS = {  # of the figures of a case -> heading
    "jensen_shannon": "Jensen-Shannon divergence",
    "ln2_minus_d_loss": "ln 2 - d_loss",
    "mean_error_of_d": "mean error of D",
}


class Mixture:
    """A density of one variable: the mean of normal densities, or uniform on [low, high]."""

    def __init__(self, *normals: tuple[float, float], uniform: tuple[float, float] | None = None):
        self.normals, self.uniform = normals, uniform

    def density(self, x: np.ndarray) -> np.ndarray:
        if self.uniform:
            low, high = self.uniform
            return ((x >= low) & (x < high)) / (high - low)
        shapes = [np.exp(-(((x - m) / s) ** 2) / 2) / s for m, s in self.normals]
        return np.mean(shapes, axis=0) / math.sqrt(2 * math.pi)

    def draw(self, random: np.random.Generator, shape: tuple) -> np.ndarray:
        if self.uniform:
            return random.uniform(*self.uniform, shape)
        chosen = random.integers(len(self.normals), size=shape)
        mean, deviation = np.array(self.normals).T[:, chosen]
        return random.normal(mean, deviation)


CASES = {
    "equal": (Mixture((0, 1)), Mixture((0, 1))),
    "shifted by 1/2": (Mixture((0, 1)), Mixture((0.5, 1))),
    "shifted by 1": (Mixture((0, 1)), Mixture((1, 1))),
    "one mode of two": (Mixture((-2, 0.6), (2, 0.6)), Mixture((2, 0.6))),
    "shifted by 2": (Mixture((0, 1)), Mixture((2, 1))),
    "shifted by 3": (Mixture((0, 1)), Mixture((3, 1))),
    "disjoint": (Mixture(uniform=(-2, -1)), Mixture(uniform=(1, 2))),
}


def divergence(p: np.ndarray, q: np.ndarray) -> float:
    """Return the Jensen-Shannon divergence in nats of two densities on X, by the trapezium rule."""
    middle = (p + q) / 2

    def relative_entropy(a: np.ndarray) -> float:
        there = a > 0
        terms = np.zeros_like(a)
        terms[there] = a[there] * np.log(a[there] / middle[there])
        return np.trapezoid(terms, X)

    return float((relative_entropy(p) + relative_entropy(q)) / 2)


def train_discriminator(p_data: Mixture, p_g: Mixture, random: np.random.Generator):
    """Train a D on STEPS batches of each density; return a Keras model from x [B, 1] to logits."""
    tf.get_logger().setLevel("ERROR")  # it warns that the program traces often
    hidden = [layers.Dense(64, "swish") for _ in range(2)]
    d = keras.Sequential([keras.Input((1,)), *hidden, layers.Dense(1)])
    adam = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, STEPS))
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    d.compile(adam, loss, steps_per_execution=100)
    x = np.concatenate([m.draw(random, (STEPS, BATCH)) for m in (p_data, p_g)], axis=1)
    y = np.tile(np.repeat([1.0, 0.0], BATCH), STEPS)
    data = tf.data.Dataset.from_tensor_slices((x.reshape(-1, 1).astype("float32"), y[:, None]))
    d.fit(data.batch(2 * BATCH).repeat(), steps_per_epoch=STEPS, shuffle=False, verbose=0)
    return d


def study(p_data: Mixture, p_g: Mixture, seed: int) -> dict:
    random = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    d = train_discriminator(p_data, p_g, random)
    samples = [m.draw(random, (TEST_SAMPLES, 1)) for m in (p_data, p_g)]
    real, fake = (d(x.astype(np.float32)).numpy() for x in samples)
    d_loss = (np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()) / 2
    p, q = p_data.density(X), p_g.density(X)
    learned = 1 / (1 + np.exp(-d(X[:, None].astype(np.float32)).numpy()[:, 0]))
    # Where both densities are 0, any D is equally good; so the error is weighted by their mean.
    with np.errstate(invalid="ignore"):
        error = np.nan_to_num(np.abs(learned - p / (p + q)))
    return {
        "jensen_shannon": divergence(p, q),
        "ln2_minus_d_loss": float(LN2 - d_loss),
        "mean_error_of_d": float(np.trapezoid(error * (p + q) / 2, X)),
        "d": learned[::100].round(4).tolist(),
    }


def plot(result: dict) -> None:
    figure = Figure(figsize=(12, 6), layout="constrained")
    axes = figure.subplots(2, 4)
    x = X[::100]
    for axis, (name, (p_data, p_g)) in zip(axes.flat, CASES.items(), strict=False):
        p, q = p_data.density(x), p_g.density(x)
        with np.errstate(invalid="ignore"):
            best = p / (p + q)
        axis.fill_between(x, p, color="C0", alpha=0.25, label="p_data")
        axis.fill_between(x, q, color="C1", alpha=0.25, label="p_g")
        axis.plot(x, best, "k", linewidth=3, alpha=0.35, label="p_data / (p_data + p_g)")
        axis.plot(x, result["cases"][name]["d"], "C3", linewidth=1.2, label="D, trained")
        axis.set(title=name, xlim=(-5, 6), ylim=(0, 1.05))
    axes[0, 0].legend(fontsize=8)
    last = axes.flat[len(CASES)]
    figures = result["cases"].values()
    last.plot([0, LN2], [0, LN2], "k", alpha=0.35)
    x, y = ([case[key] for case in figures] for key in ("jensen_shannon", "ln2_minus_d_loss"))
    last.plot(x, y, "C3o")
    last.set(title="nats", xlabel="Jensen-Shannon divergence", ylabel="ln 2 - d_loss")
    save_plot(figure, PLOT)


def text(result: dict) -> str:
    """Return the result as a Markdown table."""
    rows = ([name, *(f"{case[key]:.4f}" for key in KEYS)] for name, case in result["cases"].items())
    return table(["p_data and p_g", *KEYS.values()], rows)


def main() -> int:
    cases = {name: study(*pair, seed) for seed, (name, pair) in enumerate(CASES.items())}
    result = store(RESULT, "make optimal-discriminator", {"cases": cases})
    print(text(result))
    plot(stored(RESULT))
    return 0


if __name__ == "__main__":
    run_command(main)
