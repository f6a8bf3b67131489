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
    """Yield a function that appends a chunk to the .npz at `path`: uint8 images, float32 scores.

    It is not compressed: that would take longer than drawing. Equal samples give equal bytes.
    """
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
    scores = []
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as npz:
        with npz.open(zipfile.ZipInfo("images.npy"), "w", force_zip64=True) as array:
            npy.write_array_header_1_0(array, header)

            def append(chunk: Samples) -> None:
                array.write(chunk.images.tobytes())
                scores.append(chunk.scores)

            yield append
        with npz.open(zipfile.ZipInfo("scores.npy"), "w") as array:
            npy.write_array(array, np.concatenate(scores))
