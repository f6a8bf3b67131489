"""Write new images to an .npz while they are drawn."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from gan.evaluation.sampling import Samples
from gan.support.files import replacing


@contextmanager
def archive_of(path: Path, count: int, shape: tuple) -> Iterator[Callable]:
    """Yield a function that appends a chunk to the .npz at `path`: each of its arrays, by name.

    The images are uint8 [`count`, *`shape`]; the other arrays have one value for each image. It is
    not compressed: that would take longer than drawing. Equal samples give equal bytes.
    """
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
    others = {}  # name -> parts of the array
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as npz:
        with npz.open(zipfile.ZipInfo("images.npy"), "w", force_zip64=True) as array:
            npy.write_array_header_1_0(array, header)

            def append(chunk: Samples) -> None:
                array.write(chunk.images.tobytes())
                for name, values in chunk._asdict().items():
                    if name != "images":
                        others.setdefault(name, []).append(values)

            yield append
        for name, parts in others.items():
            with npz.open(zipfile.ZipInfo(f"{name}.npy"), "w") as array:
                npy.write_array(array, np.concatenate(parts))
