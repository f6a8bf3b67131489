"""Downloads: from a server on this machine, and without a network."""

import functools
import gzip
import hashlib
import http.server
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from bad_input import IMAGES, idx, npz

from gan.data import download, load_images
from gan.data import images as data
from gan.data.download import Unreachable
from gan.support.errors import UserError

quiet = functools.partial(load_images, say=lambda line: None)


def test_without_a_network_auto_draws_digits_and_warns():
    dataset = quiet()
    assert dataset.source == "synthetic"
    assert "NOT MNIST" in dataset.warning
    with pytest.raises(Unreachable, match="cannot be reached"):
        quiet("mnist")
    with pytest.raises(Unreachable, match="cannot be reached"):
        quiet("fashion")


@pytest.fixture
def server(monkeypatch):
    """A server on this machine in the place of the real one; `answers` maps path to its bytes."""
    book = SimpleNamespace(answers={}, requests=[])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            book.requests.append(self.path)
            answer = book.answers.get(self.path)
            if answer == "hang":
                time.sleep(1)
                return
            self.send_response(404 if answer is None else 200)
            self.end_headers()
            self.wfile.write(answer or b"")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        monkeypatch.setattr(download, "ORIGIN", f"http://127.0.0.1:{listening.server_port}/")
        yield book
        listening.shutdown()


def publish(server, monkeypatch):
    """Have the server hold an mnist.npz whose hash is the published one."""
    content = npz(x_train=IMAGES)
    server.answers["/mnist.npz"] = content
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(data, "MNIST", ("mnist.npz", digest))


def test_a_download_is_checked_and_cached(server, monkeypatch):
    publish(server, monkeypatch)
    np.testing.assert_array_equal(quiet("auto").images[..., 0], IMAGES)
    assert quiet("mnist").name == "MNIST"
    assert server.requests == ["/mnist.npz"]
    assert [path.name for path in data.cache_folder().iterdir()] == ["mnist.npz"]


def test_fashion_mnist(server, monkeypatch):
    content = gzip.compress(idx(IMAGES))
    name = "fashion-mnist/train-images-idx3-ubyte.gz"
    server.answers[f"/{name.split('/')[1]}"] = content
    monkeypatch.setattr(data, "FASHION", (name, "md5:" + hashlib.md5(content).hexdigest()))
    np.testing.assert_array_equal(quiet("fashion").images[..., 0], IMAGES)


def test_a_download_that_goes_wrong(server, monkeypatch):
    publish(server, monkeypatch)
    server.answers["/mnist.npz"] += b"!"
    with pytest.raises(UserError, match="another file than the published one"):
        quiet("mnist")
    server.answers["/mnist.npz"] = None
    with pytest.raises(Unreachable, match="answered 404"):
        quiet("mnist")
    server.answers["/mnist.npz"] = "hang"
    monkeypatch.setattr(download, "SECONDS_WITHOUT_A_BYTE", 0.2)
    with pytest.raises(Unreachable, match=r"nothing for 0\.2 s"):
        quiet("mnist")
    assert not (data.cache_folder() / "mnist.npz").exists()


def test_a_cached_file_with_another_hash_is_refused_and_left(tmp_path):
    path = data.cache_folder() / "mnist.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(npz(x_train=IMAGES))
    before = path.read_bytes()
    with pytest.raises(UserError, match="not the published file"):
        quiet("mnist")
    assert path.read_bytes() == before
