"""The published data sets: their files, downloaded once into Keras' own cache and checked."""

import atexit
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.request import getproxies

from gan.support.errors import UserError, disk_errors
from gan.support.files import keras_home, remove, replacing

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
SECONDS_WITHOUT_A_BYTE = 10
# File name in Keras' cache, hash, and bytes: MNIST's from Keras, Fashion-MNIST's from its own page.
MNIST = (
    "mnist.npz",
    "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    11_490_434,
)
FASHION = (
    "fashion-mnist/train-images-idx3-ubyte.gz",
    "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    26_421_880,
)
FASHION_TEST = (
    "fashion-mnist/t10k-images-idx3-ubyte.gz",
    "md5:bef4ecab320f06d8554ea6380940ec79",
    4_422_102,
)
KEPT: dict[str, Path] = {}  # downloads that the cache could not hold, until this process ends


class Published(NamedTuple):
    """A published set: its title, and `fingerprint` of its training images and its test images."""

    title: str
    train: str
    test: str


PUBLISHED = {
    "mnist": Published(
        "MNIST",
        "03a8a048601ebb4610dcd79cd759c718bed893982a4c153c4f33a41885101c0b",
        "e2842441ab1468bab7eeaa886875a3a7662245f3768610c4b4ca84d7ac309c70",
    ),
    "fashion": Published(
        "Fashion-MNIST",
        "aa670e63ae523d8fb206db0595287cd9ecee8f29b1b8ea690da7712c7444eb56",
        "f966ad9a453e7d5ef297476fd4939780e707ce15a852b67597069832263d31bd",
    ),
}


class Unreachable(UserError):
    """A download failed because there is no network, or what came is not the published file."""


def cache_folder() -> Path:
    """Keras' own cache of data sets."""
    return keras_home() / "datasets"


def fetch(name: str, expected_hash: str, size: int, say: Callable[[str], None]) -> Path:
    """Path of file `name`, of `size` bytes, in Keras' cache; downloads it first if it is not there.

    If the cache cannot be written, the path is of a temporary file, which goes with this process.
    Raises Unreachable if the file cannot be downloaded, UserError if that in the cache has another
    hash.
    """
    path = cache_folder() / name
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder; remove it, or name your data with --data PATH")
    if os.path.exists(path):
        with disk_errors("read", path):
            found = hash_of(path.read_bytes(), expected_hash)
        if found != expected_hash:
            raise UserError(
                f"{path} is not the published file (its hash differs); "
                "delete it to download it again, or use it as it is with --data PATH"
            )
        return path
    if name not in KEPT:
        url = ORIGIN + path.name
        say(f"downloading {url}")
        content = download(url, expected_hash, size)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                temporary.write_bytes(content)
            return path
        except OSError as error:
            say(f"{path} cannot be written ({error.strerror}): the download is for this run only")
        with disk_errors("written", Path(tempfile.gettempdir())):
            folder = Path(tempfile.mkdtemp(prefix="gan-"))
            atexit.register(remove, folder)
            (folder / path.name).write_bytes(content)
        KEPT[name] = folder / path.name
    return KEPT[name]


def download(url: str, expected_hash: str, size: int) -> bytes:
    """The `size` bytes at `url`. Raises Unreachable if they do not come, or have another hash."""
    import requests  # here, because few runs need it

    content = bytearray()
    try:
        # The timeout limits the connection and each wait between bytes, not the whole download.
        with requests.get(url, stream=True, timeout=SECONDS_WITHOUT_A_BYTE) as response:
            response.raise_for_status()
            for part in response.iter_content(2**16):
                content += part
                if len(content) > size:
                    break
    except (OSError, ValueError, ImportError) as error:  # of requests, or of what it uses
        raise Unreachable(f"{url} cannot be reached ({reason(error)})") from None
    if hash_of(content, expected_hash) != expected_hash:
        raise Unreachable(
            f"{url} cannot be reached (what came is not the published file; perhaps this network "
            "wants you to log in)"
        )
    return bytes(content)


def reason(error: Exception) -> str:
    """Why a download ended with `error`, in a few words."""
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError):
        return f"it answered {error.response.status_code}"
    if isinstance(error, ImportError):
        return "this Python has no ssl module"
    if isinstance(error, exceptions.Timeout) or "timed out" in str(error):
        return f"it sent nothing for {SECONDS_WITHOUT_A_BYTE} s"
    if isinstance(error, exceptions.SSLError) or "certificate" in str(error):
        for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            if file := os.environ.get(variable):
                return f"its certificate cannot be checked with {variable}={file}"
        return "its certificate cannot be trusted"
    # An address that is not valid is a proxy's, since ours is.
    if isinstance(error, exceptions.ProxyError | ValueError) and getproxies():
        return "the proxy does not work; correct HTTPS_PROXY or ALL_PROXY"
    if type(error) is exceptions.ConnectionError:
        return "no network?"
    return "what came is not the published file"


def hash_of(content: bytes, like: str) -> str:
    """Hash of `content` as "algorithm:hexadecimal", with the algorithm of the hash `like`."""
    algorithm = like.split(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()}"
