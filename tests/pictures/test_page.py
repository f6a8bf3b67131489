"""A run's page: what it holds, and that a real browser shows it."""

import base64
import json
import re
import shutil
import subprocess

import pytest
from conftest import BROWSER, run_here

from gan import generate, train
from gan.data import load_images
from gan.dense import GAN
from gan.evaluation.metrics import FIGURES
from gan.pictures import page
from gan.pictures.curves import as_means, read_metrics
from gan.pictures.gallery import Gallery
from gan.runs import Run

pytestmark = pytest.mark.usefixtures("quick_runs")
# Errors are caught from the first line on; at the end the slider is moved as a hand would.
WATCH = """<script>
  const faults = [];
  addEventListener("error", (event) => faults.push(event.message));
  const error = console.error;
  console.error = (...words) => { faults.push(words.join(" ")); error(...words); };
</script>"""
TRY = """<script>
  const seen = () => [slider.value, find("#label").textContent, find("#grid").src.length > 1000];
  const before = seen();
  slider.value = 0;
  slider.dispatchEvent(new Event("input"));
  const box = svg.getBoundingClientRect();
  svg.dispatchEvent(new PointerEvent("pointermove", { clientX: box.right, clientY: box.top + 50 }));
  const found = { faults, before, after: seen(), readout: find("#readout").textContent,
    drawn: svg.querySelectorAll("polyline").length, rows: find("#config").rows.length,
    result: !find("#result").hidden, trains: !find("#fresh").hidden,
    share: find("#progress").position };
  const note = document.body.appendChild(document.createElement("pre"));
  note.id = "found"; note.textContent = btoa(JSON.stringify(found));
</script>"""


@pytest.fixture(scope="module")
def run(quick_runs, tmp_path_factory, small_data):
    root = tmp_path_factory.mktemp("page")
    options = ("--steps", 7, "--sample-interval", 3, "--batch-size", 8, "--seed", 5)
    assert run_here(train.main, "dense", "--root", root, "--data", small_data, *options) == 0
    return Run("dense", root)


def content(run):
    text = (run.images / "index.html").read_text(encoding="utf-8")
    return text, json.loads(re.search(r'type="application/json">(.*?)</script>', text)[1])


def test_the_page_holds_all_of_the_run(run):
    text, found = content(run)
    assert [grid["name"] for grid in found["grids"]] == ["0", "3", "6", "final"]
    for grid in found["grids"]:
        assert base64.b64decode(grid["png"]) == run.grid(grid["name"]).read_bytes()
    assert base64.b64decode(found["gif"]) == (run.images / "training.gif").read_bytes()
    assert len(found["curves"]["g_loss"]) == 7
    assert ["batch_size", "8"] in found["config"]
    assert "7 of 7 steps" in found["summary"]
    assert not re.search(r'(src|href)="(?!data:)', text)  # nothing is fetched


def test_the_command_to_go_on_goes_on(run, small_data, capsys):
    _, found = content(run)
    (what, command), *_ = found["commands"]
    assert what == "train twice as long:"
    words = command.split(" gan.train ")[1].split()
    assert {"--batch-size", "--seed"} < set(words)
    longer = shutil.copytree(run.root, run.root.parent / "longer")
    words[words.index(str(run.root))] = longer
    assert run_here(train.main, *words) == 0
    assert "going on after step 7" in capsys.readouterr().out
    assert Run("dense", longer).checkpoints.steps()[-1] == 14


def test_while_a_run_trains_its_page_keeps_up_and_says_so(tmp_path, small_data, monkeypatch):
    pages, publish = [], Gallery.publish

    def publish_and_read(gallery, done, *rest, training):
        publish(gallery, done, *rest, training=training)
        _, found = content(gallery.run)
        pages.append((done, found["done"], found["training"]))

    monkeypatch.setattr(Gallery, "publish", publish_and_read)
    options = ("--root", tmp_path, "--data", small_data, "--batch-size", 8, "--steps", 7)
    assert run_here(train.main, "dense-sgd", *options, "--checkpoint-seconds", 1e-9) == 0
    assert len(pages) > 3  # after the first call, and with each checkpoint
    assert pages == [(done, done, done < 7) for done, *_ in pages]
    assert train.parse(["dense"]).checkpoint_seconds == 60


def test_results_of_a_run_that_was_since_started_over_are_not_shown(tmp_path):
    other, figures = Run("other", tmp_path), dict.fromkeys(FIGURES, 1.0)
    other.folder.mkdir(parents=True)
    found = {"count": 100, "steps": 7, "figures": figures, "floor": figures}
    other.results(average=False).write_text(json.dumps(found), encoding="utf-8")
    assert len(page.result(other, done=7, average=False)) == 1 + len(FIGURES)
    assert page.result(other, done=6, average=False) == []


def test_losses_are_shown_on_the_scale_of_ln_2(run, tmp_path):
    other = Run("dense", shutil.copytree(run.root, tmp_path / "copy"))
    columns = read_metrics(other.metrics)
    page.write_page(other, as_means(columns, d_loss_terms=2), [], 7, 7, [])
    _, found = content(other)
    assert set(found["curves"]) == {"step", "d_loss / 2", "d_accuracy", "g_loss"}
    assert found["curves"]["d_loss / 2"] == pytest.approx(columns["d_loss"] / 2)


def test_before_the_end_a_last_grid_is_an_old_one(run, tmp_path):
    going_on = Run("dense", shutil.copytree(run.root, tmp_path / "copy"))
    grids = [going_on.grid(name) for name in "036"]
    page.write_page(going_on, read_metrics(going_on.metrics), grids, 7, 100, [])
    _, found = content(going_on)
    assert [grid["name"] for grid in found["grids"]] == ["0", "3", "6"]
    assert found["gif"] is None


def test_what_the_user_named_cannot_break_out_of_the_page(run, tmp_path):
    other = Run("dense", shutil.copytree(run.root, tmp_path / "copy"))
    config = other.config()
    config["data"]["name"] = "</script><script>alert(1)</script>"
    (other.folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    page.write_page(other, read_metrics(other.metrics), [], 7, 7, [])
    text, found = content(other)
    assert "alert(1)</script>" not in text
    assert "</script><script>alert(1)" in found["summary"]


def test_a_run_that_the_commands_do_not_know_has_a_page_too(tmp_path, small_data, capsys):
    run = Run("mine", tmp_path)
    run.folder.mkdir(parents=True)
    run.results(False).write_bytes(b'{"file": "a.npz"}')  # what gan.evaluate --npz writes
    gan = GAN(name="mine")
    dataset = load_images(small_data)
    gan.train(epochs=2, batch_size=8, sample_interval=2, run=run, dataset=dataset)
    assert run.checkpoints.steps() == [2]
    _, found = content(run)
    assert found["summary"].startswith("mine; 2 of 2 steps")
    assert (found["commands"], found["result"]) == ([], [])
    assert run_here(generate.main, "--root", tmp_path, "--count", 4) == 0
    out = capsys.readouterr().out
    assert "skipped: run 'mine' has the unknown design 'mine'" in out
    assert "no run here, so the weights that come with the project" in out


def test_a_run_whose_folder_is_gone_has_no_page(run, tmp_path):
    """As it is for a moment when a user moves the folder of a run that is being trained."""
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: .*experiments/gone"):
        page.write_page(Run("gone", tmp_path), read_metrics(run.metrics), [], 7, 7, [])


@pytest.mark.browser
@pytest.mark.skipif(not BROWSER, reason="there is no Chromium here")
def test_a_browser_shows_the_page(run, tmp_path):
    text = (run.images / "index.html").read_text(encoding="utf-8")
    text = text.replace("<title>", WATCH + "<title>", 1).replace("</html>", TRY + "</html>")
    text = text.replace('"total": 7, "training": false', '"total": 8, "training": true')
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,900", "--dump-dom"]
    address = (tmp_path / "page.html").as_uri()
    dom = subprocess.run([*command, address], capture_output=True, text=True, timeout=120).stdout
    found = json.loads(base64.b64decode(re.search(r'<pre id="found">([^<]*)', dom)[1]))
    assert found["faults"] == []
    assert found["before"] == ["3", "final.png", True]
    assert found["after"] == ["0", "0.png", True]
    assert found["drawn"] == 3
    assert "around step 6: d_loss" in found["readout"]
    assert found["rows"] > 10
    assert found["result"] is False
    assert (found["trains"], found["share"]) == (True, 7 / 8)
