"""The page on which the nets run in a browser: in a real one, what it computes is what Keras does.

`make test-page` runs this; without Chromium it is skipped.
"""

import base64
import json
import re
import zlib

import numpy as np
import pytest
from browser import Browser, needs_browser
from conftest import built, refusal, run_here

from gan import export, train
from gan.data import batches
from gan.data.pixels import to_pixels
from gan.designs import DESIGNS
from gan.pictures import play
from gan.pictures.play import Weights, write_play_page
from gan.runs import load
from gan.support.errors import UserError

# What the chosen nets compute, then what the pad, the walk and the ranking show.
TRY = """
  await gan.ready;
  const found = { choices: gan.choices, drawn: [], scores: [] };
  gan.choices.forEach((_, number) => {
    gan.choose(number);
    found.drawn.push(NOISES.map(gan.draw));
    found.scores.push(NOISES.map(gan.score));
  });
  const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  const until = async (condition) => {
    for (let n = 0; !condition(); n++) {
      if (n > 3000) throw Error(`never: ${condition}`);
      await pause(20);
    }
  };
  const picture = () => find("#image").toDataURL() + find("#score").textContent;
  const pictures = found.pictures = [""];
  const changed = async () => {
    await until(() => picture() !== pictures[pictures.length - 1]);
    pictures.push(picture());
  };
  gan.choose(0);
  await until(() => find("#grid").width === 4 * 28);
  await changed();
  const box = find("#pad").getBoundingClientRect();
  find("#pad").dispatchEvent(new PointerEvent("pointermove",
    { clientX: box.left + 5, clientY: box.top + 5, buttons: 1 }));
  await changed();
  find("#pad").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  await changed();
  find("#walk").click();
  await changed();
  find("#walk").click();
  find("#rank").click();
  await until(() => find("#ranked").children.length);
  found.grid = find("#grid").width;
  found.ranked = [...find("#ranked").children].map((item) => +item.textContent);
  found.width = document.documentElement.scrollWidth;
  found.faults = faults;
  found
"""


def in_browser(page, noises, folder, width=1200) -> dict:
    """What a real browser finds on the page."""
    with Browser(folder, width) as browser:
        browser.open(page)
        return browser.run(f"const NOISES = {json.dumps(noises.tolist())}; {TRY}")


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("name", DESIGNS)
def test_the_page_computes_what_keras_does(tmp_path, name):
    """The shipped weights are in half precision already, so both compute with the same ones."""
    page = tmp_path / "page.html"
    options = ("--root", tmp_path, "--shipped", "--design", name, "--page", page)
    assert run_here(export.main, *options) == 0
    design, _ = load(name, shipped=True)
    noises = batches.draw_noise(design.recipe, 0, 0, batches.SAMPLE_NOISE, 16).numpy()
    found = in_browser(page, noises, tmp_path)
    assert found["faults"] == []
    for kind, drawn, scores in zip(found["choices"], found["drawn"], found["scores"], strict=True):
        if "averaged" in kind:
            for average, variable in zip(design.averages, design.generator.variables, strict=True):
                variable.assign(average)
        images = design.generator(noises, training=False)
        expected = to_pixels(images).reshape(16, -1).astype(int)
        assert expected.std() > 50
        assert np.abs(np.array(drawn) - expected).max() <= 1
        np.testing.assert_allclose(scores, np.ravel(design.discriminator(images)), atol=1e-2)
    assert len(set(found["pictures"])) == 5  # the pointer, the keys and the walk move it
    assert len(found["ranked"]) == 20
    assert found["ranked"] == sorted(found["ranked"], reverse=True)
    assert found["grid"] == 4 * 28


@pytest.mark.browser
@needs_browser
def test_the_page_fits_a_phone(tmp_path):
    page = tmp_path / "page.html"
    options = ("--root", tmp_path, "--shipped", "--design", "dense", "--page", page)
    assert run_here(export.main, *options) == 0
    found = in_browser(page, np.zeros((1, 100)), tmp_path, width=400)
    assert found["width"] <= 400
    assert found["faults"] == []


LOCKED = """[...document.querySelectorAll("button")].map((button) => button.disabled)
  .concat(find("#pad").getAttribute("aria-disabled") === "true")"""
USE = """for (const button of document.querySelectorAll("button")) button.click();
  find("#pad").dispatchEvent(new PointerEvent("pointermove", { buttons: 1 }));
  find("#pad").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));"""


@pytest.fixture(scope="module")
def small_page(tmp_path_factory):
    page = tmp_path_factory.mktemp("small") / "page.html"
    write_play_page(page, "small", [("mlp", built("mlp"), "untrained", ("last",))])
    return page


@pytest.mark.browser
@needs_browser
def test_buttons_wait_for_the_weights(small_page, tmp_path):
    page, mark = tmp_path / "page.html", '<script id="weights"'
    early = f"<script>const early = {LOCKED}; {USE}</script>"
    text = small_page.read_text(encoding="utf-8").replace(mark, early + mark)
    page.write_text(text, encoding="utf-8")
    with Browser(tmp_path) as browser:
        browser.open(page)
        assert browser.run("early") == [True] * 4
        assert browser.run(f"await gan.ready; {LOCKED}") == [False] * 5  # and one for the net
        assert browser.run("find('#score').getAttribute('aria-live')") == "polite"
        browser.run(USE)
        browser.run("find('#walk').click()")
        assert browser.run("find('#score').getAttribute('aria-live')") == "off"
        assert browser.run("faults") == []


def says_why(browser, page, why):
    """The page says why it cannot unpack its weights; its buttons do nothing, without a fault."""
    browser.open(page)
    assert browser.run("await gan.ready; find('#about').innerText") == why
    assert browser.run(f"{USE} {LOCKED}") == [True] * 4
    assert browser.run("faults") == []


@pytest.mark.browser
@needs_browser
def test_weights_that_cannot_be_unpacked_get_a_line(small_page, tmp_path):
    text = small_page.read_text(encoding="utf-8")
    weights = text.index("plain", text.index('id="weights"')) + 100
    other = "A" if text[weights] != "A" else "B"
    page = tmp_path / "page.html"
    with Browser(tmp_path) as browser:
        for damaged in (
            text[: len(text) // 2],  # a download that was cut off
            text[: text.index('<script id="weights"')],
            text[:weights] + other + text[weights + 1 :],
            text[:weights] + "!" + text[weights:],  # not base64
        ):
            page.write_text(damaged, encoding="utf-8")
            says_why(
                browser,
                page,
                "The weights cannot be unpacked: the file is damaged, incomplete, or too large for "
                "this browser. Write or download it again.",
            )

        old = {"source": "delete window.DecompressionStream"}
        browser.send("Page.addScriptToEvaluateOnNewDocument", **old)
        says_why(
            browser,
            small_page,
            "The weights cannot be unpacked: this browser is too old. "
            "Use Chrome 80, Edge 80, Firefox 113, Safari 16.4, or a newer one.",
        )


def test_an_old_browser_can_read_the_page_that_says_so():
    """A browser without DecompressionStream may not know this syntax, and then runs nothing."""
    for file in (play.TEMPLATE, play.NETS):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"\?\?|\?\.\w|\d_\d|\.at\(|replaceChildren", text)


def test_a_large_page_says_its_size_before_it_is_written(tmp_path, monkeypatch):
    page, said = tmp_path / "page.html", []

    def say(line):
        said.append((line, page.exists()))

    monkeypatch.setattr(play, "LARGE", 500_000)
    title = "WEIGHTS, PAGE and NETS_JS, the marks of the template: </script>"
    write_play_page(page, title, [("mlp", built("mlp"), "", ("last",))], say)
    size = page.stat().st_size / 1e6
    assert said == [(f"the page will be {size:.0f} MB, which a browser opens slowly", False)]
    text = page.read_text(encoding="utf-8")
    content = re.search(r'type="application/json">(.*?)</script>', text)[1]
    assert json.loads(content)["title"] == title


def test_what_the_page_holds(tmp_path, capsys):
    page = tmp_path / "new" / "page.html"
    assert run_here(export.main, "--root", tmp_path, "--shipped", "--page", page) == 0
    out = capsys.readouterr().out
    assert "dense, 30,000 steps" in out
    assert "the weights 'best' that come with the project: dense, 60,000 steps" in out
    assert "dcgan, 11,750 steps" in out
    assert "the page will be" not in out
    assert page.stat().st_size < 16e6
    text = page.read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:)', text)  # nothing is fetched
    content = json.loads(re.search(r'id="page" type="application/json">(.*?)</script>', text)[1])
    assert [net["name"] for net in content["nets"]] == ["dense", "best", "dcgan"]
    assert [net["note"][:17] for net in content["nets"]] == ["", "the nets of dense", ""]
    assert [net["logits"] for net in content["nets"]] == [False, False, True]
    kinds = [layer["kind"] for layer in content["nets"][2]["discriminator"]]
    assert kinds == ["input", *["convolution", "leaky", "reshape"] * 2, "reshape", "dense"]


@pytest.mark.slow
def test_a_run_may_have_the_name_of_a_mark(tmp_path, small_data, short_runs, capsys):
    options = ("--root", tmp_path, "--name", "WEIGHTS")
    command = ("dense-sgd", *options, "--data", small_data, "--steps", 1, "--batch-size", 8)
    assert run_here(train.main, *command) == 0
    page = tmp_path / "page.html"
    assert run_here(export.main, *options, "--page", page) == 0
    text = page.read_text(encoding="utf-8")
    content = re.search(r'type="application/json">(.*?)</script>', text)[1]
    assert json.loads(content)["title"] == "WEIGHTS"
    assert list(json.loads(content)["nets"][0]["generators"]) == ["last", "averaged"]

    assert run_here(train.main, *command, "--average-decay", 0, "--fresh") == 0
    said = refusal(export.main, *options, "--average", "--page", tmp_path / "new/a.html")
    assert "no averaged generator was kept" in said
    assert not (tmp_path / "new").exists()


def test_a_weight_too_large_for_half_precision_is_refused():
    import keras

    with pytest.raises(UserError, match="too large for half precision"):
        Weights().add(keras.Variable(np.full(3, 1e6)))


def test_the_weights_are_stored_as_the_page_reads_them():
    values = np.float32([[1, -2], [0.5, 3]]), np.float32([7, 65504])
    weights = Weights()
    assert [weights.add(play.keras.Variable(each)) for each in values] == [0, 4]
    stored = np.frombuffer(zlib.decompress(base64.b64decode(weights.encoded())), np.uint8)
    read = stored.reshape(2, -1).T.copy().view("<f2").ravel()  # low bytes, then high bytes
    assert read.tolist() == [1, -2, 0.5, 3, 7, 65504]
