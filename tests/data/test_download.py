"""Downloads: from a server on this machine, and without a network."""

import errno
import functools
import gzip
import hashlib
import http.server
import os
import re
import threading
import time
from contextlib import suppress
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
from bad_input import IMAGES, idx, npz

from gan.data import download, load_images
from gan.data import images as data
from gan.data.download import Unreachable
from gan.data.images import load_mnist
from gan.support import files
from gan.support.errors import UserError


def ignore(line):
    pass


quiet = functools.partial(load_images, say=ignore)


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
    """A server on this machine in the place of the real one.

    `answers` maps a path to its bytes, or to a function that answers with the given handler.
    """
    book = SimpleNamespace(answers={}, requests=[])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            book.requests.append(self.path)
            answer = book.answers.get(self.path)
            if callable(answer):
                answer(self)
                return
            self.send_response(404 if answer is None else 200)
            self.end_headers()
            self.wfile.write(answer or b"")

        def log_message(self, *_):
            pass

    monkeypatch.setattr(download, "KEPT", {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.book = book
        poll = {"poll_interval": 0.02}
        threading.Thread(target=listening.serve_forever, kwargs=poll, daemon=True).start()
        monkeypatch.setattr(download, "ORIGIN", f"http://127.0.0.1:{listening.server_port}/")
        yield book
        listening.shutdown()


def publish(server, monkeypatch):
    """Have the server hold an mnist.npz whose hash is the published one."""
    content = npz(x_train=IMAGES, x_test=IMAGES)
    server.answers["/mnist.npz"] = content
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(data, "MNIST", ("mnist.npz", digest, len(content)))


def test_a_download_is_checked_and_cached(server, monkeypatch):
    publish(server, monkeypatch)
    np.testing.assert_array_equal(quiet("auto").images[..., 0], IMAGES)
    assert quiet("mnist").name == "MNIST"
    assert server.requests == ["/mnist.npz"]
    assert [path.name for path in download.cache_folder().iterdir()] == ["mnist.npz"]


def test_fashion_mnist(server, monkeypatch):
    content = gzip.compress(idx(IMAGES))
    name = "fashion-mnist/train-images-idx3-ubyte.gz"
    server.answers[f"/{name.split('/')[1]}"] = content
    digest = "md5:" + hashlib.md5(content).hexdigest()
    monkeypatch.setattr(data, "FASHION", (name, digest, len(content)))
    np.testing.assert_array_equal(quiet("fashion").images[..., 0], IMAGES)


def answer(status=200, body=b"", **headers):
    """A function that answers so; `_` in the name of a header is `-`."""

    def send(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


def endless(handler):
    """More than was published, without an end."""
    answer()(handler)
    with suppress(ConnectionError):
        for _ in range(500):
            handler.wfile.write(bytes(2**16))
        handler.server.book.requests.append("all of it")


LOGIN = b"<html>Welcome! Please log in.</html>"
OTHER = "what came is not the published file"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (None, "it answered 404"),
        (answer(503), "it answered 503"),
        (LOGIN, f"{OTHER}; perhaps this network wants you to log in"),
        (answer(302, Location="/login"), f"{OTHER}; perhaps this network wants you to log in"),
        (b"", OTHER),
        (endless, OTHER),
        (answer(body=LOGIN, Content_Length="1000"), OTHER),
        (answer(body=LOGIN, Content_Encoding="gzip"), OTHER),
        (answer(body=LOGIN, Transfer_Encoding="chunked"), OTHER),
        (answer(302, Location="/mnist.npz"), OTHER),  # without end
        (answer(302, Location="http://[1"), OTHER),
        (answer(302, Location="mailto:me"), OTHER),
        (lambda handler: time.sleep(0.4), r"it sent nothing for 0\.1 s"),
        (lambda handler: handler.wfile.write(b"SSH-2.0"), "no network?"),
    ],
)
def test_what_is_not_the_file_is_as_without_a_network(server, monkeypatch, sent, why):
    publish(server, monkeypatch)
    server.answers |= {"/mnist.npz": sent, "/login": LOGIN}
    monkeypatch.setattr(download, "SECONDS_WITHOUT_A_BYTE", 0.1)
    for load in (functools.partial(quiet, "mnist"), functools.partial(load_mnist, say=ignore)):
        with pytest.raises(UserError, match=rf"mnist\.npz cannot be reached \({why}"):
            load()
    assert not download.cache_folder().exists()
    assert "all of it" not in server.requests
    dataset = quiet("auto")
    assert (dataset.source, "cannot be reached" in dataset.warning) == ("synthetic", True)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"REQUESTS_CA_BUNDLE": "/nowhere"}, "be checked with REQUESTS_CA_BUNDLE=/nowhere"),
        ({"CURL_CA_BUNDLE": __file__}, f"be checked with CURL_CA_BUNDLE={__file__}"),
        ({}, "its certificate cannot be trusted"),
        ({"HTTPS_PROXY": "nonsense:1:2"}, "the proxy does not work; correct HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://"}, "the proxy does not work; correct HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://.:1"}, "the proxy does not work; correct HTTPS_PROXY"),
        ({"HTTPS_PROXY": "ftp://127.0.0.1:9"}, "the proxy does not work; correct HTTPS_PROXY"),
        ({"HTTPS_PROXY": "127.0.0.1:9"}, "the proxy does not work; correct HTTPS_PROXY"),
    ],
)
def test_bad_certificates_and_proxies_are_named(server, monkeypatch, settings, why):
    """The server speaks no TLS, which looks like a certificate that is not one."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", *map("{}_PROXY".format, ("NO", "ALL"))):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(download, "ORIGIN", download.ORIGIN.replace("http:", "https:"))
    with pytest.raises(Unreachable, match=re.escape(why)):
        quiet("mnist")


@pytest.mark.parametrize("fault", ["a file", "a full disk"])
def test_a_cache_that_cannot_be_written_keeps_the_download_for_this_run(
    server, monkeypatch, tmp_path, fault
):
    publish(server, monkeypatch)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    removed_at_exit = []
    monkeypatch.setattr("atexit.register", lambda *call: removed_at_exit.append(call))
    cache = download.cache_folder()
    if fault == "a file":
        cache.parent.touch()
    else:
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        monkeypatch.setattr(files, "sync", Mock(side_effect=full))  # when the file is written
    said = []
    for _ in range(2):
        assert load_images("mnist", say=said.append).name == "MNIST"
    assert load_mnist(say=said.append).train.shape == (5, 28, 28, 1)
    assert server.requests == ["/mnist.npz"]
    [line] = [line for line in said if "downloading" not in line]
    assert line.startswith(f"{cache / 'mnist.npz'} cannot be written (")
    assert line.endswith("): the download is for this run only")
    [(remove, folder)] = removed_at_exit
    assert [path.name for path in folder.iterdir()] == ["mnist.npz"]
    remove(folder)
    assert not folder.exists()
    assert not cache.exists() or not list(cache.iterdir())


def test_a_cached_file_with_another_hash_is_refused_and_left(tmp_path):
    path = download.cache_folder() / "mnist.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(npz(x_train=IMAGES))
    before = path.read_bytes()
    with pytest.raises(UserError, match="not the published file"):
        quiet("mnist")
    assert path.read_bytes() == before
