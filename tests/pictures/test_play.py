"""The page on which the nets run in a browser: in a real one, what it computes is what Keras does.

`make test-page` runs this; without Chromium it is skipped.
"""

import base64
import json
import re
import subprocess

import numpy as np
import pytest
from conftest import BROWSER, refusal, run_here

from gan import export, train
from gan.data import batches
from gan.data.pixels import to_pixels
from gan.designs import DESIGNS
from gan.pictures.play import Weights
from gan.runs import load
from gan.support.errors import UserError

needs_browser = pytest.mark.skipif(not BROWSER, reason="there is no Chromium here")

WATCH = """<script>
  const faults = [];
  addEventListener("error", (event) => faults.push(event.message));
  addEventListener("unhandledrejection", (event) => faults.push(String(event.reason)));
  const error = console.error;
  console.error = (...words) => { faults.push(words.join(" ")); error(...words); };
</script>"""
TRY = """<script type="module">
  const NOISES = %s;
  await gan.ready;
  const found = { choices: gan.choices, drawn: [], scores: [] };
  gan.choices.forEach((_, number) => {
    gan.choose(number);
    found.drawn.push(NOISES.map(gan.draw));
    found.scores.push(NOISES.map(gan.score));
  });
  const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  const picture = () => find("#image").toDataURL() + find("#score").textContent;
  const press = (key) => find("#pad").dispatchEvent(new KeyboardEvent("keydown", { key }));
  const pictures = found.pictures = [];
  const changed = async () => {  // a frame may take a while where no screen is
    for (let n = 0; n < 100 && (!picture() || picture() === pictures.at(-1)); n++) await pause(50);
    pictures.push(picture());
  };
  gan.choose(0);
  await pause(2000);
  await changed();
  const box = find("#pad").getBoundingClientRect();
  find("#pad").dispatchEvent(new PointerEvent("pointermove",
    { clientX: box.left + 5, clientY: box.top + 5, buttons: 1 }));
  await changed();
  for (let n = 0; n < 8; n++) press("ArrowRight");
  await changed();
  find("#walk").click();
  await changed();
  find("#walk").click();
  find("#rank").click();
  await pause(20_000);
  found.grid = find("#grid").width;
  found.ranked = [...document.querySelectorAll("#ranked li")].map((item) => +item.textContent);
  found.width = document.documentElement.scrollWidth;
  found.faults = faults;
  const note = document.body.appendChild(document.createElement("pre"));
  note.id = "found"; note.textContent = btoa(JSON.stringify(found));
</script>"""


def in_browser(page, noises, folder, size="1200,900") -> dict:
    """What a real browser finds on the page."""
    tried = folder / "tried.html"
    script = TRY % json.dumps(noises.tolist())
    text = page.read_text(encoding="utf-8").replace("<style>", WATCH + "<style>", 1)
    tried.write_text(text.replace("</html>", script + "</html>"), encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={size}"]
    command += [f"--user-data-dir={folder / 'browser'}", "--virtual-time-budget=120000"]
    done = subprocess.run([*command, "--dump-dom", tried.as_uri()], capture_output=True, text=True)
    return json.loads(base64.b64decode(re.search(r'id="found">(.*?)<', done.stdout)[1]))


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
    assert len(set(found["pictures"])) == 4  # the pointer, the keys and the walk move it
    assert len(found["ranked"]) == 20
    assert found["ranked"] == sorted(found["ranked"], reverse=True)
    assert found["grid"] == 4 * 28


@pytest.mark.browser
@needs_browser
def test_the_page_fits_a_phone(tmp_path):
    page = tmp_path / "page.html"
    options = ("--root", tmp_path, "--shipped", "--design", "dense", "--page", page)
    assert run_here(export.main, *options) == 0
    found = in_browser(page, np.zeros((1, 100)), tmp_path, size="400,800")
    assert found["width"] <= 500  # headless Chromium makes no narrower window
    assert found["faults"] == []


def test_what_the_page_holds(tmp_path, capsys):
    page = tmp_path / "new" / "page.html"
    assert run_here(export.main, "--root", tmp_path, "--shipped", "--page", page) == 0
    out = capsys.readouterr().out
    assert "dense, 30,000 steps" in out
    assert "dcgan, 11,750 steps" in out
    assert page.stat().st_size < 12e6
    text = page.read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:)', text)  # nothing is fetched
    content = json.loads(re.search(r'id="page" type="application/json">(.*?)</script>', text)[1])
    assert [net["name"] for net in content["nets"]] == ["dense", "dcgan"]
    assert [net["logits"] for net in content["nets"]] == [False, True]
    kinds = [layer["kind"] for layer in content["nets"][1]["discriminator"]]
    assert kinds == ["input", *["convolution", "leaky", "reshape"] * 2, "reshape", "dense"]


def test_a_run_may_have_the_name_of_a_mark(tmp_path, small_data, quick_runs, capsys):
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
