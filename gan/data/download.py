"""Published files, downloaded once into Keras' own cache and checked."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from gan.support.errors import UserError, disk_errors
from gan.support.files import keras_home, replacing

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
SECONDS_WITHOUT_A_BYTE = 10
# File name in Keras' cache, and hash: MNIST's from Keras, Fashion-MNIST's from its own page.
MNIST = (
    "mnist.npz",
    "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
)
FASHION = (
    "fashion-mnist/train-images-idx3-ubyte.gz",
    "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
)


class Unreachable(UserError):
    """A download failed because there is no network, or the server did not send the file."""


def cache_folder() -> Path:
    """Keras' own cache of data sets."""
    return keras_home() / "datasets"


def fetch(name: str, expected_hash: str, say: Callable[[str], None]) -> Path:
    """Path of file `name` in Keras' cache; downloads the file first if it is not there.

    Raises Unreachable without a network, UserError for a file with another hash.
    """
    path = cache_folder() / name
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder; remove it, or name your data with --data PATH")
    if not os.path.exists(path):
        url = ORIGIN + path.name
        say(f"downloading {url}")
        with disk_errors("written", path):
            download(url, path, expected_hash)
        return path
    with disk_errors("read", path):
        found = hash_of(path.read_bytes(), expected_hash)
    if found != expected_hash:
        raise UserError(
            f"{path} is not the published file (its hash differs); "
            "delete it to download it again, or use it as it is with --data PATH"
        )
    return path


def download(url: str, path: Path, expected_hash: str) -> None:
    """Download `url` to `path`, completely or not at all, if it has the hash."""
    import requests  # here, because few runs need it

    try:
        # The timeout limits the connection and each wait between bytes, not the whole download.
        with requests.get(url, stream=True, timeout=SECONDS_WITHOUT_A_BYTE) as response:
            response.raise_for_status()
            content = response.content
    except requests.HTTPError as error:
        raise Unreachable(f"{url} answered {error.response.status_code}") from None
    except requests.Timeout:
        raise Unreachable(f"{url} sent nothing for {SECONDS_WITHOUT_A_BYTE} s") from None
    except requests.RequestException as error:
        reason = "timed out" if "timed out" in str(error) else "no network?"
        raise Unreachable(f"{url} cannot be reached ({reason})") from None
    if hash_of(content, expected_hash) != expected_hash:
        raise UserError(f"{url} sent another file than the published one (its hash differs)")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def hash_of(content: bytes, like: str) -> str:
    """Hash of `content` as "algorithm:hexadecimal", with the algorithm of the hash `like`."""
    algorithm = like.split(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()}"
