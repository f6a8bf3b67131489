"""The studies, as data: `make study-NAME` trains and measures the runs of one.

A study has rows. A row is a training: a design, options of `gan.train`, and a number of seeds.
study.py trains every seed, measures 10,000 images of its last and of its averaged generator, and
stores the figures in the study's JSON file. For one more study, write at the end:

    STUDIES["small-noise"] = Study(
        "dense with shorter noise vectors",
        "small_noise.json",
        {"4 numbers": Row("noise-4", "dense", "--latent-dim 4 --steps 5000", seeds=3)},
    )

and type `make study-small-noise`. The file then holds {"rows": {"4 numbers": [a run for each
seed]}, "floor": figures of real images}.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import moving_mnist
import reproduction


class Row(NamedTuple):
    """Trainings that differ only in their seeds, which count from 0."""

    run: str  # the name of their runs, without -seed-N
    design: str
    options: str = ""  # of gan.train
    seeds: int = 1
    grids: tuple[str, ...] = ()  # at these grids of seed 0, draw the averaged generator's, too
    shares: tuple[Fraction, ...] = ()  # in place of the study's
    photos: int = 0  # train on a folder of so many images of the study's data
    script: str = ""  # has `add_design`, and trains in place of gan.train: a design of its own


class Study(NamedTuple):
    """What is trained, what it is compared with, and where the figures are stored."""

    about: str
    file: str  # below experiments/reference
    rows: dict[str, Row]  # title -> row
    place: tuple[str, ...] = ("rows",)  # the keys in the file that lead to the titles
    data: str = "MNIST"  # other data than MNIST is the user's --data FILE, or made by `make_data`
    make_data: Callable | None = None  # root of the runs -> path
    real: str = (
        "test"  # real images to compare with: test, both or none; both: training images, too
    )
    against: str = "mnist"  # the set of the real images and of the classifier: mnist or fashion
    better_half: bool = False  # also measure the half of the averaged images that D rates higher
    shares: tuple[Fraction, ...] = ()  # of the training, after which the distance is measured
    pictures: str = ""  # folder below images/reference for the last grids of seed 0
    keep: Callable | None = None  # copies what else comes with the project


TENTHS_AND_A_THIRD = tuple(sorted([*(Fraction(n, 10) for n in range(1, 11)), Fraction(1, 3)]))

STUDIES = {
    name: Study(
        f"{name} at its document's full length, in float32 and bfloat16",
        f"{name}/result.json",
        {
            "float32": Row(name, name, seeds=3, grids=reproduction.GRIDS[name]),
            "bfloat16": Row(f"{name}-bfloat16", name, "--precision bfloat16"),
        },
        place=(),
        shares=TENTHS_AND_A_THIRD,
        keep=reproduction.keep,
    )
    for name in reproduction.GRIDS
}
STUDIES["batchnorm"] = Study(
    "dense with the BatchNorm of 2018, 20 minutes",
    "batchnorm.json",
    {"runs": Row("dense-2018", "dense-2018", seeds=3, script="dense_2018.py")},
    place=(),
)
STUDIES["next-steps"] = Study(
    "what the SGD article suggests to try next, on dense, 50 minutes",
    "next_steps.json",
    {
        "latent_dim 2": Row("dense-latent-2", "dense", "--latent-dim 2"),
        "latent_dim 10": Row("dense-latent-10", "dense", "--latent-dim 10"),
        "latent_dim 50": Row("dense-latent-50", "dense", "--latent-dim 50"),
        "latent_dim 100": Row("dense-latent-100", "dense", "--latent-dim 100"),
        "latent_dim 200": Row("dense-latent-200", "dense", "--latent-dim 200"),
        "60,000 steps": Row("dense-60000-steps", "dense", "--steps 60000"),
        "90,000 steps": Row("dense-90000-steps", "dense", "--steps 90000"),
        "data: synthetic": Row("dense-synthetic", "dense", "--data synthetic"),
    },
    place=("experiments",),
    pictures="next_steps",
)
STUDIES["fashion"] = Study(
    "dense and dcgan on Fashion-MNIST (--data FILE.npz), half an hour",
    "other_data.json",
    {
        "dense": Row("fashion-dense", "dense"),
        "dcgan": Row("fashion-dcgan", "dcgan", "--epochs 15"),
    },
    place=("fashion", "designs"),
    data="Fashion-MNIST",
    against="fashion",
    pictures="other_data",
)
STUDIES["moving"] = Study(
    "dcgan on frames of Moving MNIST, which it makes from MNIST, half an hour",
    "other_data.json",
    {"moving": Row("moving-dcgan", "dcgan", "--epochs 5")},
    place=(),
    data="Moving MNIST",
    make_data=moving_mnist.make_file,
    real="none",
    pictures="other_data",
)
STUDIES["few-photos"] = Study(
    "dcgan on few photos, of Fashion-MNIST (--data FILE.npz), 25 minutes",
    "few_photos.json",
    {
        f"{count:,} photos": Row(
            f"photos-{count}", "dcgan", "--batch-size 32 --steps 3000", photos=count
        )
        for count in (40, 400, 4000)
    },
    data="Fashion-MNIST",
    against="fashion",
    pictures="few_photos",
)
STUDIES["start-from"] = Study(
    "dense on Fashion-MNIST (--data FILE.npz) from MNIST's weights, 5 minutes",
    "start_from.json",
    {
        "the weights of its seed": Row("fashion-short", "dense", "--steps 3000", seeds=3),
        "the weights trained on MNIST": Row(
            "fashion-from-mnist", "dense", "--steps 3000 --start-from shipped-dense", seeds=3
        ),
    },
    data="Fashion-MNIST",
    against="fashion",
)
STUDIES["exchanged-nets"] = Study(
    "the loops of the SGD article and the Keras GAN class with DCGAN's nets, half an hour",
    "exchanged_nets.json",
    {
        "SGD, 0.01": Row("exchanged-sgd", "exchanged-sgd", script="exchanged_nets.py"),
        "one Adam, 2e-4": Row(
            "exchanged-adam", "exchanged-adam", "--steps 10000", script="exchanged_nets.py"
        ),
    },
    pictures="exchanged_nets",
)

# -- better numbers: experiments/better_numbers.md ------------------------------------------------

# When the distance is measured: of 5 minutes, every minute, or where that takes long, only in the
# second half; of 15, every 90 seconds; of an hour, every 5 minutes from 20 on. At the beginning
# more often.
OF_THE_SECOND_HALF = tuple(Fraction(n, 4) for n in (2, 3, 4))
OF_5_MINUTES = tuple(Fraction(n, 10) for n in (1, 2, 4, 6, 8, 10))
OF_15_MINUTES = tuple(Fraction(n, 30) for n in (1, 2, *range(3, 31, 3)))
OF_AN_HOUR = tuple(Fraction(n, 12) for n in range(4, 13))
OF_4000_STEPS = tuple(Fraction(n, 8) for n in range(4, 9))
BFLOAT16 = "--precision bfloat16"
QUARTERS = {}  # design -> batch size -> steps in about 15 minutes, the document's batch size first


def option(text: str, name: str, otherwise: str) -> str:
    """Return the value of an option in the text of a row's options."""
    words = text.split()
    return words[words.index(name) + 1] if name in words else otherwise


def better(design: str, quarter: dict, changes: dict, together: str, precision: str = "") -> None:
    """Add the study of other numbers for `design`: what is changed -> options of `gan.train`.

    `quarter`: as in QUARTERS, on 2 cores, with the `precision` of the rows that have the options
    `together`. With bfloat16, they also train in float32, by the README's command.
    """

    def row(run: str, changed: str, minutes: int, **more) -> Row:
        size = int(option(changed, "--batch-size", str(next(iter(quarter)))))
        text = f"{changed} --steps {quarter[size] * minutes // 15}"
        return Row(f"better-{design}-{run}", design, text.strip(), **more)

    seeds, quick = 1 if precision else 3, f"{together} --steps 4000"
    together = f"{precision} {together}".strip()
    rows = {"the document's numbers": row("document", "", 5)}
    rows |= {title: row(title.replace(" ", "-"), changed, 5) for title, changed in changes.items()}
    rows["together"] = row("together", together, 15, seeds=seeds, shares=OF_15_MINUTES)
    rows["together, an hour"] = row("together-an-hour", together, 60, shares=OF_AN_HOUR)
    if precision:
        more = {"seeds": 3, "shares": OF_4000_STEPS}
        rows["together, float32"] = Row(f"better-{design}-float32", design, quick, **more)
    QUARTERS[design] = quarter
    STUDIES[f"better-{design}"] = Study(
        f"{design} with other numbers, 5 to 10 minutes a row, then together",
        f"better_numbers/{design}.json",
        rows,
        real="both",
        shares=OF_THE_SECOND_HALF if precision else OF_5_MINUTES,
        pictures=f"better_numbers/{design}",
    )


better(
    "dcgan",
    {256: 2_400, 64: 7_500},
    {
        "learning rate 2e-4": "--learning-rate 2e-4",
        "beta_1 0.5": "--beta-1 0.5",
        "batch size 64": "--batch-size 64",
        "uniform noise": "--noise uniform",
        "no dropout": "--dropout 0",
        "twice the rate for D": "--d-rate-factor 2",
        "label smoothing": "--label-smoothing 0.1",
    },
    "--learning-rate 2e-4 --beta-1 0.5 --batch-size 64",
    BFLOAT16,
)
better(
    "d-on-g",
    {128: 3_600, 32: 10_500},
    {
        "learning rate 2e-3": "--learning-rate 2e-3",
        "momentum 0.5": "--momentum 0.5",
        "batch size 32": "--batch-size 32",
        "normal noise": "--noise normal",
        "half the rate for D": "--d-rate-factor 0.5",
        "label smoothing": "--label-smoothing 0.1",
    },
    "--learning-rate 2e-3 --batch-size 32",
    BFLOAT16,
)
better(
    "mlp",
    {64: 69_000, 128: 57_000},
    {
        "learning rate 1e-4": "--learning-rate 1e-4",
        "beta_1 0.9": "--beta-1 0.9",
        "batch size 128": "--batch-size 128",
        "uniform noise": "--noise uniform",
        "twice the rate for D": "--d-rate-factor 2",
        "label smoothing": "--label-smoothing 0.1",
    },
    "--batch-size 128",
)
better(
    "dense",
    {32: 174_000, 128: 60_000},
    {
        "learning rate 4e-4": "--learning-rate 4e-4",
        "learning rate 1e-4": "--learning-rate 1e-4",
        "beta_1 0.9": "--beta-1 0.9",
        "batch size 128": "--batch-size 128",
        "uniform noise": "--noise uniform",
        "label smoothing": "--label-smoothing 0.1",
    },
    "--batch-size 128 --average-decay 0.9998",
)
better(
    "dense-sgd",
    {32: 171_000, 128: 63_000},
    {
        "learning rate 0.1": "--learning-rate 0.1",
        "batch size 128": "--batch-size 128",
        "uniform noise": "--noise uniform",
        "half the rate for D": "--d-rate-factor 0.5",
        "label smoothing": "--label-smoothing 0.1",
    },
    "--learning-rate 0.1",
)
STUDIES["best"] = Study(
    "the nets and numbers that come nearest to MNIST, 20 minutes a seed",
    "best/result.json",
    {"float32": STUDIES["better-dense"].rows["together"]},
    place=(),
    real="both",
    better_half=True,
    keep=reproduction.keep_nets,
)
