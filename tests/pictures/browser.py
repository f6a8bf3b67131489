"""A real browser, headless Chromium, that opens pages, presses keys and says what it sees."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from conftest import BROWSER

needs_browser = pytest.mark.skipif(not BROWSER, reason="there is no Chromium here")

# Errors are caught from the first line of a page on, and a page that is reloaded is counted.
WATCH = """
  const faults = [];
  addEventListener("error", (event) => faults.push(event.message));
  addEventListener("unhandledrejection", (event) => faults.push(String(event.reason)));
  console.error = (...words) => faults.push(words.join(" "));
"""


class Browser:
    """A context manager. It speaks Chromium's DevTools protocol through two pipes."""

    def __init__(self, folder: Path, width: int = 1200, height: int = 900) -> None:
        self.folder, self.size, self.number = folder, (width, height), 0

    def __enter__(self) -> "Browser":
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        command = [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-pipe",
        ]
        command += [f"--user-data-dir={self.folder / 'browser'}", "about:blank"]
        pipes = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'  # where Chromium expects them
        self.process = subprocess.Popen(
            ["bash", "-c", pipes, "bash", *command],
            pass_fds=(theirs_in, theirs_out),
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.out, self.into = os.fdopen(ours_out, "wb"), os.fdopen(ours_in, "rb")
        self.received, self.seen, self.session = b"", set(), {}
        (page,) = [
            target
            for target in self.send("Target.getTargets")["targetInfos"]
            if target["type"] == "page"
        ]
        found = self.send("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self.session = {"sessionId": found["sessionId"]}
        self.send("Page.enable")
        self.send("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        width, height = self.size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **metrics)
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait()
        self.out.close()
        self.into.close()

    def read(self) -> dict:
        """The next message."""
        while b"\0" not in self.received:
            more = os.read(self.into.fileno(), 1 << 20)
            assert more, "the browser is gone"
            self.received += more
        message, self.received = self.received.split(b"\0", 1)
        found = json.loads(message)
        self.seen.add(found.get("method"))
        return found

    def send(self, method: str, **parameters: object) -> dict:
        """The answer to one command of the protocol."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters, **self.session}
        self.out.write(json.dumps(message).encode() + b"\0")
        self.out.flush()
        while (answer := self.read()).get("id") != self.number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, page: Path) -> None:
        """Open the page, and wait until it is loaded."""
        self.seen.clear()
        self.send("Page.navigate", url=page.as_uri())
        while "Page.loadEventFired" not in self.seen:
            self.read()

    def run(self, script: str) -> object:
        """The value of a JavaScript expression; a promise is waited for."""
        options = {"awaitPromise": True, "returnByValue": True, "replMode": True}
        answer = self.send("Runtime.evaluate", expression=script, **options)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript condition holds; the page may be loaded again meanwhile."""
        for _ in range(200):
            time.sleep(0.05)
            answer = self.send("Runtime.evaluate", expression=condition, returnByValue=True)
            if answer["result"].get("value") is True:
                return
        raise AssertionError(f"never: {condition}")

    def press(self, key: str, code: int) -> None:
        """Press a key as a hand would; `code` is its number for Windows."""
        for kind in ("rawKeyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)
