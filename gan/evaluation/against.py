"""Against which real images a run is measured: MNIST's or Fashion-MNIST's."""

from collections.abc import Sequence

from gan.data.download import PUBLISHED
from gan.support.errors import UserError

CLASSES = {  # what the classifier of each set tells apart, in the order of the labels
    "mnist": tuple(f"digit {digit}" for digit in range(10)),
    "fashion": (
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
}
# Of MNIST's training images as [N, 28, 28] and as [N, 28, 28, 1]: older runs have only a digest.
MNIST_DIGESTS = (
    "783b1c0807cfc66ca1ef125e96f8a41ab816d75b1d8d28920718b6428b08cb9e",
    "4eec492105744830760915d0f45109c4629ef14d4cb35cb2c20604b0b388ac5d",
)


def trained_on(data: dict) -> str | None:
    """The set whose images a run was trained on: "mnist", "fashion", or None if it is neither.

    `data` is that of the run's config.
    """
    if data["digest"] in MNIST_DIGESTS:
        return "mnist"
    return next(
        (name for name in PUBLISHED if name in (data["source"], data.get("published"))), None
    )


def fitting(data: dict) -> str | None:
    """The set that fits the images of a run: that of `trained_on`, else None.

    MNIST fits the built-in digits, too: they imitate it.
    """
    return "mnist" if data["source"] == "synthetic" else trained_on(data)


def check_digits(data: dict, title: str) -> None:
    """Raise UserError unless a run was trained on MNIST: its classifier knows no other images.

    `data` is that of the run's config; `title` names the run in messages.
    """
    if trained_on(data) != "mnist":
        raise UserError(
            f"{title} was trained on {data['name']}; --digit, --digits and --labels are only for "
            "runs on MNIST, because the classifier knows no other images; choose another run, or "
            "--shipped"
        )


def choose_against(given: str | None, data: dict, where: str) -> str:
    """The set `given`, else the one that fits the images of a run.

    `data` is that of the run's config; `where` names the run in messages. Raises UserError if no
    set fits, or if the images have another size than 28x28x1.
    """
    check_comparable(data["images"][1:], where)
    if chosen := given or fitting(data):
        return chosen
    raise UserError(
        f"{where}: {data['name']} is not known as MNIST or Fashion-MNIST, so there are no real "
        "images to compare with; if it holds such digits or clothes, add --against mnist or "
        "--against fashion"
    )


def check_comparable(shape: Sequence[int], where: str) -> None:
    """Raise UserError unless images of `shape` have the size of the sets' images."""
    if tuple(shape) != (28, 28, 1):
        size = "x".join(map(str, shape))
        raise UserError(
            f"{where} has images of {size}; only 28x28x1 can be compared with MNIST's or "
            "Fashion-MNIST's"
        )


def opening_line(name: str, data: dict | None = None) -> str:
    """What a comparison with the set `name` begins with; `data`: of the config of a run."""
    line = f"comparing with the test images of {PUBLISHED[name].title}"
    if data and trained_on(data) != name:
        line += f", but the training was on other images: {data['name']}"
    return line
