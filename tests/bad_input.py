"""Bad input, once: the command lines that must be refused, and the message that each must print.

`test_bad_input.py` gives every row to the commands in its own process, `faults.py` to real ones.
In a row HERE stands for the folder that `prepare` has filled and that holds the run of RUN, and
VALUE in a message for the value of the option, quoted.
"""

import functools
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from processes import draw_digits  # it finds gan wherever this is started

RUN = "dense-sgd --name=run --batch-size=8 --sample-interval=100 --steps=20"

# -- values of options ---------------------------------------------------------------------------

NO_NUMBERS = ("", "x", "-1", "0", "1.5", "1e99", "nan")
NO_FRACTIONS = ("", "x", "-0.1", "1", "nan", "inf")
NO_RATES = ("", "x", "0", "-1", "nan", "inf")
NO_WORDS = ("", "x")
NO_SEEDS = ("", "x", "-1", "1.5", "9" * 20)
NO_NAMES = (".", "..", "../x", "a/b", "/x", "reference", "Reference", "shipped-x", "-x", "a b")
NO_NAMES += ("x" * 101,)

NUMBER = "must be a whole number from 1 to 2147483647, not VALUE"
SEED = "must be a whole number from 0 to 2147483647, not VALUE"
FRACTION = "must be a number of at least 0 and at most 0.99999, not VALUE"
RATE = "must be a number above 0, at most a million, not VALUE"
NAME = "no run can be named VALUE"
EMPTY = "must not be empty"

VALUES = {
    "train dense": (
        ("--steps --epochs --sample-interval --checkpoint-epochs", NO_NUMBERS, NUMBER),
        ("--evaluate-every", NO_NUMBERS, NUMBER),
        ("--batch-size --latent-dim", (*NO_NUMBERS, "100000"), "number from 1 to 65536, not VALUE"),
        ("--devices", (*NO_NUMBERS, "65", "gpu"), "cpu, or a whole number from 1 to 64, not VALUE"),
        ("--start-from", ("nosuch",), "no trained run 'nosuch' in"),
        ("--start-from", ("best",), "project: --start-from shipped-DESIGN or shipped-best"),
        ("--start-from", (".", "a/b", "reference"), NAME),
        ("--start-from", ("shipped-x", "shipped-"), "come with the project; there are dense"),
        ("--start-from", ("",), EMPTY),
        ("--seed", NO_SEEDS, SEED),
        ("--beta-1 --momentum --dropout --average-decay", NO_FRACTIONS, FRACTION),
        ("--learning-rate --d-rate-factor", NO_RATES, RATE),
        ("--label-smoothing", ("0.5", "-0.1", "x", "nan"), "at least 0 and below 0.5, not VALUE"),
        ("--checkpoint-seconds --connect-seconds", NO_RATES, RATE),
        ("--order --last-batch --noise --precision", NO_WORDS, "invalid choice: VALUE"),
        ("--image-size", ("", "x", "28x", "28x28x28", "0", "-4x4"), "a size like 28 or 32x48"),
        ("--image-size", ("28",), "only for --data FOLDER"),
        ("--background", ("", "grey"), "invalid choice: VALUE"),
        ("--background", ("white",), "--background is only for --data FOLDER"),
        ("--show-data", ("", "x", "x.jpg"), "--show-data: must"),
        ("--show-data", ("HERE/small.npz/x.png",), "cannot be made or is not a folder"),
        ("--data", ("nowhere", "nowhere.npz", "~nosuch/x", "mnits"), "no data VALUE: give auto, "),
        ("--data", ("/",), "/ holds neither train-images-idx3-ubyte nor image files"),
        ("--data", ("/dev/null",), "/dev/null is no .npz, .npy or .csv"),
        ("--data", ("n" * 5000,), "cannot be read: File name too long"),
        ("--name", NO_NAMES, NAME),
        ("--name --root --data", ("",), EMPTY),
        ("--root", ("HERE/small.npz",), "is not a folder that can hold runs"),
        ("--root", ("HERE/" + "x" * 300,), "config.json cannot be read: File name too long"),
    ),
    "generate": (
        ("--count --candidates --step", NO_NUMBERS, NUMBER),
        ("--count", ("40001",), "you asked for 40,001 images; the limit is 40,000; use --npz"),
        ("--candidates", ("5",), "--candidates needs --nice"),
        ("--zoom", (*NO_NUMBERS, "41"), "must be a whole number from 1 to 40, not VALUE"),
        ("--digit", ("", "x", "-1", "12", "1.5"), "must be a whole number from 0 to 9, not VALUE"),
        (
            "--digits",
            ("", "7a", "77", "-1", "1,2", "²"),
            "like 0123456789, each once, not VALUE",
        ),
        (
            "--digit --digits",
            ("7",),
            "run 'run' was trained on small.npz; --digit, --digits and --l",
        ),
        ("--grid", ("", "x", "3", "2x", "0x3"), "must be a grid like 5x8"),
        ("--grid", ("1000x1000",), "the limit is 40,000"),
        ("--seed", NO_SEEDS, SEED),
        ("--name", NO_NAMES, NAME),
        ("--name", ("nosuch",), "no trained run 'nosuch' in"),
        ("--name --root --out --npz --separate", ("",), EMPTY),
        ("--design", NO_WORDS, "invalid choice: VALUE"),
        ("--out", ("x.jpg", "x"), "--out: must be a .png file, not VALUE"),
        ("--npz", ("x.png",), "--npz: must be a .npz file, not VALUE"),
        ("--nets --page", ("", "x"), "has moved to another command: python -m gan.export"),
        ("--out", ("HERE/small.npz/x.png", "/dev/null/x.png"), "cannot be made"),
        ("--npz", ("HERE/small.npz/x.npz",), "cannot be made or is not a folder"),
        ("--out", ("HERE/folder.png",), "must be a file, but HERE/folder.png is a folder"),
        ("--npz", ("HERE/folder.npz",), "must be a file, but HERE/folder.npz is a folder"),
        ("--separate", ("HERE/small.npz",), "cannot be made or is not a folder"),
        ("--separate", ("HERE",), "HERE is not empty; choose another folder, or empty it"),
        ("--root", ("HERE/small.npz",), "cannot be made or is not a folder"),
    ),
    "export": (
        ("--name --root --nets --page", ("",), EMPTY),
        ("--page", ("x.png", "x"), "--page: must be a .html file, not VALUE"),
        ("--page", ("HERE/folder.html",), "must be a file, but HERE/folder.html is a folder"),
        ("--page", ("HERE/small.npz/x.html",), "cannot be made or is not a folder"),
        ("--nets", ("HERE/small.npz", "HERE/small.npz/x"), "cannot be made or is not a folder"),
    ),
    "export --nets=x": (
        ("--name", ("nosuch",), "no trained run 'nosuch' in"),
        ("--step", NO_NUMBERS, NUMBER),
        ("--step", ("5",), "run 'run': no checkpoint of step 5; checkpoints: 20"),
        ("--count", ("5",), "unrecognized arguments: --count=5"),
    ),
    "evaluate": (
        ("--count", (*NO_NUMBERS, "99", "10001"), "a whole number from 100 to 10000, not VALUE"),
        ("--seed", NO_SEEDS, SEED),
        ("--name", NO_NAMES, NAME),
        ("--name", ("nosuch",), "no trained run 'nosuch' in"),
        ("--name --root --npz --data --json", ("",), EMPTY),
        ("--design --against", NO_WORDS, "invalid choice: VALUE"),
        ("--npz", ("nosuch.npz",), "nosuch.npz cannot be read: No such file"),
        ("--npz", ("/",), "/ cannot be read: Is a directory"),
        ("--npz", ("HERE/small.npz",), "has no array 'images'"),
        ("--npz", ("HERE/colour.npz",), "28x28x3; only 28x28x1"),
        ("--npz", ("HERE/few.npz",), "holds 99 images"),
        ("--json", ("HERE",), "--json: must be a file, but HERE is a folder"),
        ("--json", ("/dev/null",), "--json: must be a file, but /dev/null is a device or a pipe"),
    ),
    "evaluate --against=fashion": (
        ("--data", ("nosuch.npz", "mnist"), " cannot be read: No such file"),
        ("--data", ("/",), "/ is a folder; this needs Fashion-MNIST as one .npz"),
        ("--data", ("HERE/idx",), "idx is a folder; this needs Fashion-MNIST as one .npz"),
        ("--data", ("HERE/colour.npz",), "colour.npz is not Fashion-MNIST: it has images"),
    ),
    "evaluate --against=mnist": (
        ("--data", ("nosuch.npz",), "nosuch.npz cannot be read: No such file"),
        ("--data", ("/",), "/ is a folder; this needs MNIST as one .npz with x_train and x_test"),
        ("--data", ("HERE/colour.npz",), "colour.npz is not MNIST"),
        ("--data", ("HERE/small.npz",), "has no array 'x_test'"),
        ("--data", ("HERE/pickled.npz",), "x_test is object"),
    ),
}

# -- whole command lines -------------------------------------------------------------------------

LINES = {
    "train": "the following arguments are required: DESIGN",
    "train densest": "invalid choice: 'densest'",
    "train dense mlp": "unrecognized arguments: mlp",
    "train dense --stepz=3": "unrecognized arguments: --stepz=3",
    "train --steps": "argument --steps: expected one argument",
    "train dense --steps=3 --epochs=3": "not allowed with",
    "train dense-sgd --beta-1=0.5": "no setting 'beta_1' in this design; it has ",
    "train dense --d-rate-factor=2": "d_rate_factor must be 1 here: D and G share one Adam",
    "train dense-sgd --momentum=0.5": "no setting 'momentum' in this design; it has ",
    "train dense-sgd --dropout=0.5": "no setting 'dropout' in this design; it has ",
    "train dense-sgd --last-batch=kept": "no setting 'last_batch' in this design; it has ",
    "train dense --data=synthetic --image-size=32": "--image-size is only for --data FOLDER",
    "train dense --data=HERE/idx --image-size=64x48": "holds IDX files",
    "train dense --data=HERE/idx --subfolders": "holds IDX files: leave out the options for image",
    "train dense --data=HERE/outside.png": "is no .npz, .npy or .csv; for image files, give the fo",
    "train dense --subfolders": "--subfolders is only for --data FOLDER",
    "train dense --data=synthetic --skip-damaged": "--skip-damaged is only for --data FOLDER",
    "train dense --data=HERE/idx --show-data=HERE/idx/x.png": "would be in the data's folder",
    "train dense --data=HERE/idx --show-data=HERE/idx/new/x.png": "would be in the data's folder",
    "train dense --data=HERE/hostile/half-a-png --skip-damaged --image-size=8": "in multiples of 4",
    "train dense --data=HERE/hostile/no-image --skip-damaged": "image files (1 file: 0 taken; 1 d",
    "train dense --against=mnist": "--against is only for --evaluate-every",
    "train dense --evaluate-every=5": "run 'dense': small.npz is not known as MNIST or Fashion-MNI",
    "train dense-sgd --name=file": "experiments/file is a file; choose another --name",
    "train dense-sgd --name=file --fresh": "experiments/file is a file; choose another --name",
    f"train {RUN} --batch-size=9": "was started with batch_size 8, not 9",
    f"train {RUN} --learning-rate=0.1": "was started with learning_rate 0.01, not 0.1",
    f"train {RUN} --latent-dim=7": "was started with latent_dim 100, not 7",
    f"train {RUN} --seed=7": "was started with seed 0, not 7",
    f"train {RUN} --data=HERE/other.npz": "was started with the data small.npz (digest",
    f"train {RUN.replace('dense-sgd', 'dense')}": "was started with design dense-sgd",
    "generate dense": "unrecognized arguments: dense",
    "generate --name=nosuch --shipped": "no weights 'nosuch' come with the project",
    "generate --name=run --design=dense-sgd": "--name cannot be combined with --design",
    "generate --count=4 --grid=2x2": "--count cannot be combined with --grid",
    "generate --digit=7 --digits=12": "--digit cannot be combined with --digits",
    "generate --digit=0 --nice": "--digit cannot be combined with --nice",
    "generate --digits=12 --nice": "--digits cannot be combined with --nice",
    "generate --digit=0 --interpolate": "--digit cannot be combined with --interpolate",
    "generate --digits=12 --interpolate": "--digits cannot be combined with --interpolate",
    "generate --digits=12 --grid=2x2": "--digits cannot be combined with --grid",
    "generate --shipped --digits=12 --count=30000": "you asked for 60,000 images; the limit is",
    "generate --digit=7 --candidates=5": "--candidates needs --nice",
    "generate --list --digit=0": "--list cannot be combined with --digit",
    "generate --labels": "--labels needs --npz, the file that holds them",
    "generate --digit=7 --labels --out=x.png": "--labels needs --npz",
    "generate --labels --npz=x.npz": "--digit, --digits and --labels are only for runs on MNIST",
    "generate --interpolate --nice": "--interpolate cannot be combined with --nice",
    "generate --interpolate --count=4": "--interpolate cannot be combined with --count",
    "generate --interpolate --grid=1x10": "needs a --grid of two rows or more",
    "generate --interpolate --grid=40x40": "--interpolate draws at most 1,000 images",
    "generate --interpolate --grid=1500x1 --npz=x.npz": "--interpolate draws at most 1,000 images",
    "generate --npz=x.npz --count=2000000": "the limit is 1,000,000",
    "generate --npz=x.npz --zoom=2": "--zoom is for pictures, and --npz writes none",
    "generate --count=2000 --zoom=40": "2,000 images are too many for one picture",
    "generate --out=HERE/new/x.png --separate=HERE": "HERE is not empty",
    "generate --list --count=5 --nice": "--list cannot be combined with --count or --nice",
    "generate --step=5": "run 'run': no checkpoint of step 5; checkpoints: 20",
    "export": "give --nets DIR, --page FILE.html, or both",
    "export --nets=x --name=run --design=dense": "--name cannot be combined with --design",
    "export --nets=x --shipped --step=9": "--step: not allowed with argument --shipped",
    "export --nets=x --design=mlp --step=9": "--step is for a run of yours",
    "evaluate --npz=HERE/few.npz --design=dense": "--npz cannot be combined with --design",
    "evaluate --npz=HERE/few.npz --average --step=3": "combined with --step or --average",
    "evaluate": "run 'run': small.npz is not known as MNIST or Fashion-MNIST, so there are no real",
    "evaluate --step=5": "run 'run': no checkpoint of step 5; checkpoints: 20",
    "evaluate --shipped --count=400": "there are only 300 images",
    "evaluate --shipped --json=HERE/new/a.json --data=nosuch.npz": "nosuch.npz cannot be read",
    "evaluate --shipped --count=100 --json=/dev/null/a.json": "/dev/null cannot be made",
}


# -- data for training ---------------------------------------------------------------------------


def header(shape: tuple, fortran_order: bool = False) -> bytes:
    """The header of an .npy of uint8."""
    file = io.BytesIO()
    fields = {"descr": "|u1", "fortran_order": fortran_order, "shape": shape}
    np.lib.format.write_array_header_1_0(file, fields)
    return file.getvalue()


def header_of(text: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**members: object) -> bytes:
    """An .npz of arrays, or of members in bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, member in members.items():
            content = member if isinstance(member, bytes) else npy(member)
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def idx(images: np.ndarray, magic: int = 0x803) -> bytes:
    return struct.pack(">4I", magic, *images.shape) + images.tobytes()


def png(height: int, width: int, mode: str = "L", **options: object) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, "PNG", **options)
    return file.getvalue()


def png_of(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def png_of_text() -> bytes:
    """More text than Pillow reads."""
    text = PngInfo()
    text.add_text("comment", "a" * 2**21, zip=True)
    return png(28, 28, pnginfo=text)


IDX = "train-images-idx3-ubyte"
OBJECTS = np.array([{"a": 1}] * 784, object)
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
VERSION_2 = b"\x93NUMPY\x02\x00"
BLANK = functools.partial(np.zeros, dtype=np.uint8)
CANNOT = "cannot be read as .npy"
DAMAGED = "is not an .npz file, or is damaged"

# Name below HERE/hostile -> content (bytes; a folder of them; a link; a function), message.
DATA = {
    "pickled.npz": (npz(x_train=OBJECTS), "is object; it must be uint8"),
    "floats.npz": (npz(x_train=np.zeros((3, 28, 28))), "is float64; it must be uint8"),
    "odd-sides.npz": (npz(x_train=BLANK((5, 28, 30))), "28x30, and both sides must be multiples"),
    "too-small.npz": (npz(x_train=BLANK((5, 8, 28))), "multiples of 4 from 12 to 1024"),
    "two-channels.npz": (npz(x_train=BLANK((5, 28, 28, 2))), "has 2 channels; convert the images"),
    "five-channels.npz": (npz(x_train=BLANK((5, 28, 28, 5))), "must be [N, H, W] or [N, H, W, 1 o"),
    "channels-first.npz": (npz(x_train=BLANK((5, 1, 28, 28))), "numpy.transpose(images, (0, 2, 3"),
    "channels-first.npy": (npy(BLANK((5, 3, 64, 48))), "most likely [N, channels, H, W]; give"),
    "rgba-first.npy": (npy(BLANK((5, 4, 28, 28))), "most likely [N, channels, H, W]; give [N, H"),
    "zero-one.npy": (
        npy(np.linspace(0, 1, 784, dtype="f4").reshape(1, 28, 28)),
        "from 0 to 1: convert it with numpy.round(images * 255).astype('uint8')",
    ),
    "minus-one.npz": (
        npz(x_train=np.linspace(-1, 1, 784, dtype=">f8").reshape(1, 28, 28)),
        "from -1 to 1: convert it with numpy.round((images + 1) * 127.5).astype('uint8')",
    ),
    "integers.npy": (
        npy(np.arange(784).reshape(1, 28, 28) % 256),
        "is int64; it must be uint8, 0..255. Its values are from 0 to 255: convert it with numpy",
    ),
    "twelve-bits.npy": (
        npy(np.full((1, 28, 28), 4000, "u2") * np.eye(28, dtype="u2")),
        "numpy.round(numpy.interp(images, (0.0, 4000.0), (0, 255))).astype('uint8')",
    ),
    "bools.npy": (npy(np.eye(28, dtype=bool)), "numpy.round(images * 255).astype('uint8')"),
    "equal.npy": (npy(np.full((1, 28, 28), 1000)), "Its values are from 1000 to 1000"),
    "endless.npy": (header((10**400, 28, 28)), "has a size that no array has"),
    "true.npy": (header((True, 28, 28)), "has a size that no array has"),
    "nan.npy": (npy(np.full((1, 28, 28), np.nan)), "holds values that are NaN or infinite"),
    "words.csv": (b"label,pixel0\nfive,0\n", "cannot be read as .csv: could not convert string"),
    "label-last.csv": ((784 * b"0," + b"7\n") * 2, "the label must be the first of 785"),
    "few-columns.csv": (b"5,0,0\n", "has 3 columns; it must have 785, a label and 784 pixels"),
    "ragged.csv": (b"5" + 784 * b",0" + b"\n5,0\n", "number of columns changed from 785 to 2"),
    "256.csv": (b"5" + 784 * b",256", "could not convert string '256' to uint8"),
    "header.csv": (b"label,pixel0\n", "holds no images"),
    "empty.csv": (b"", "holds no images"),
    "binary.csv": (b"\xff\xfe\x00", "cannot be read as .csv: 'utf-8' codec can't decode"),
    "flat.npz": (npz(x_train=BLANK(5)), "has the shape (5,)"),
    "empty-set.npz": (npz(x_train=BLANK((0, 28, 28))), "holds no images"),
    "no-x-train.npz": (npz(images=IMAGES), "has no array 'x_train'"),
    "giant.npz": (npz(x_train=header((10**12, 28, 28))), "needs 2,352,000.0 GB of memory, "),
    "bomb.npz": (
        lambda: npz(x_train=header((10**9, 28, 28)) + bytes(2**27)),
        "GB is free; use fewer or smaller images",
    ),
    "lying.npz": (npz(x_train=header((100, 28, 28)) + bytes(784)), "does not hold the 78400"),
    "negative.npz": (npz(x_train=header((-1, 28, 28))), "has a size that no array has"),
    "long-header.npz": (npz(x_train=VERSION_2 + b"\xff" * 4 + b" " * 1000), "not in version 1.0"),
    "empty.npz": (b"", DAMAGED),
    "text.npz": (b"no zip at all", DAMAGED),
    "half.npz": (npz(x_train=IMAGES)[:2000], DAMAGED),
    "idx.npz": (idx(IMAGES), DAMAGED),
    "pickled.npy": (npy(OBJECTS), "is object; it must be uint8"),
    "floats.npy": (npy(np.zeros((2, 28, 28))), "is float64; it must be uint8"),
    "rgba.npy": (npy(BLANK((2, 28, 28, 4))), "has 4 channels; convert the images to grey or RGB"),
    "lying.npy": (header((9, 28, 28)) + bytes(784), "does not hold the 7056 pixels of its header"),
    "longer.npy": (header((1, 28, 28)) + bytes(785), "is damaged"),
    "giant.npy": (header((10**9, 28, 28)), "to train on 1,000,000,000 images 28x28 needs 2,352."),
    "giant-film.npy": (
        header((10**5, 10**5, 64, 64)),
        "to train on 10,000,000,000 images 64x64 needs",
    ),
    "fortran.npy": (header((2, 28, 28), True) + bytes(784), "does not hold the 1568 pixels of"),
    "flat.npy": (header((784,)) + bytes(784), "must be [N, H, W]"),
    "negative.npy": (header((-1, -1, 28, 28)) + bytes(784), "has a size that no array has"),
    "text.npy": (b"not an array", CANNOT),
    "empty.npy": (b"", CANNOT),
    "cut-off.npy": (header((1, 28, 28))[:40], CANNOT),
    "half-a-header.npy": (header_of(b"{'descr': '|u1', 'shape': (2,28"), "header is damaged"),
    "no-keys.npy": (header_of(b"{[]: 1}"), f"{CANNOT}: its header is damaged"),
    "version-2.npy": (VERSION_2 + bytes(99), "is not in version 1.0"),
    "lying-idx": ({IDX: struct.pack(">4I", 0x803, 10**9, 28, 28) + bytes(100)}, "needs 2,352.0 GB"),
    "short-idx": ({IDX: idx(IMAGES)[:-1]}, "damaged"),
    "long-idx": ({IDX: idx(IMAGES) + b"!"}, "damaged"),
    "labels-idx": ({IDX: idx(IMAGES, magic=0x801)}, "not an IDX file"),
    "cut-off-idx": ({IDX: b"short"}, "train-images-idx3-ubyte is damaged"),
    "empty-folder": ({}, f"holds neither {IDX} nor image files"),
    "no-image": ({"a.png": b"no image"}, "1 damaged, or no image: a.png; mend or remove"),
    "odd-image": ({"a.png": png(28, 29)}, "a.png: an image is 28x29, and both sides must be"),
    "two-sizes": (
        {"a.png": png(28, 28), "b.png": png(32, 28)},
        "b.png is 32x28 and the first image 28x28; --image-size",
    ),
    "large-image": (lambda: {"a.png": png(4000, 5000)}, "a.png: an image is 4000x5000"),
    "image-bomb": (
        lambda: {"a.png": png(30_000, 7_000, "1")},
        "a.png has more pixels than Pillow reads",
    ),
    "text-image": ({"a.png": png_of_text()}, "1 damaged, or no image: a.png"),
    "raw": ({"a.NEF": png(28, 28), "b.jpg": b""}, "1 of a kind that is not read: .nef (1); 1 dama"),
    "half-a-png": (
        lambda: {"a.png": png_of(IMAGES[0])[:300], "b.png": png(28, 28)},
        "2 files: 1 taken; 1 damaged, or no image: a.png; mend or remove what is damaged, or add",
    ),
    "no-kind": ({"a.heic": b"ftypheic", "b": b""}, "2 of a kind that is not read: .heic (1), no e"),
    "subfolders": (
        {"cats": {"a.png": png(28, 28)}},
        "1 subfolder, read only with --subfolders: cats",
    ),
    "systems-files": ({"._a.png": b"", ".DS_Store": b"", "Thumbs.db": b""}, "(0 files: 0 taken)"),
    "half-a-tiff": ({"a.tif": b"II*\0\x08\0\0\0\x01\0"}, "1 damaged, or no image: a.tif"),
    "link": ({"a.png": Path("../../outside.png")}, "links to a file outside the folder"),
}

# Files that rows name directly.
DIGITS, COLOUR = BLANK((200, 28, 28)), BLANK((200, 28, 28, 3))
FILES = {
    "outside.png": png(28, 28),
    "folder.png": {},
    "folder.npz": {},
    "folder.html": {},
    "idx": {IDX: idx(IMAGES)},
    "colour.npz": npz(images=COLOUR, x_train=COLOUR, x_test=COLOUR),
    "pickled.npz": npz(x_train=DIGITS, x_test=OBJECTS),
    "few.npz": npz(images=BLANK((99, 28, 28, 1))),
    "other.npz": npz(x_train=BLANK((50, 28, 28))),
    "small.npz": lambda: npz(x_train=draw_digits(200, seed=1)[0]),
    "mnist.npz": lambda: npz(x_train=draw_digits(600, 1)[0], x_test=draw_digits(300, 2)[0]),
    "hostile": {name: content for name, (content, _) in DATA.items()},
    "experiments": {"file": b""},
}


def write(path: Path, content: object) -> None:
    """Write bytes, a folder of contents, a link, or what a function returns, to `path`."""
    if callable(content):
        content = content()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, Path):
        path.symlink_to(content)
    else:
        path.mkdir(exist_ok=True)
        for name, inner in content.items():
            write(path / name, inner)


def prepare(folder: Path) -> None:
    """Fill `folder` with the files that the rows name."""
    write(folder, FILES)


def bad_inputs() -> dict[str, tuple[list[str], str]]:
    """Words of the command line and the message that it must print, by the line itself."""
    rows = [(line.split(), message) for line, message in LINES.items()]
    rows.append((["train", "dense", "--two\nlines"], "unrecognized arguments: --two lines"))
    rows += [
        (["train", "dense", f"--data=HERE/hostile/{name}"], message)
        for name, (_, message) in DATA.items()
    ]
    for command, groups in VALUES.items():
        for options, values, message in groups:
            for option in options.split():
                for value in values:
                    words = [*command.split(), f"{option}={value}"]
                    rows.append((words, message.replace("VALUE", repr(value))))
    return {" ".join(words): (words, message) for words, message in rows}


def complete(words: list[str], folder: Path) -> tuple[str, list[str]]:
    """The command, and its words below `folder`, with --root and --data where they are missing."""
    command, *rest = (word.replace("HERE", str(folder)) for word in words)
    usual = {"train": "small.npz", "evaluate": "mnist.npz"}
    if not any(word.startswith("--root") for word in rest):
        rest += ["--root", str(folder)]
    if command in usual and not any(word.startswith("--data") for word in rest):
        rest += ["--data", str(folder / usual[command])]
    return command, rest


def tree(folder: Path) -> dict[str, tuple]:
    """All files below a folder with their sizes and times of change."""
    paths = sorted(folder.rglob("*"))
    return {str(p): (p.lstat().st_size, p.lstat().st_mtime_ns) for p in paths}
