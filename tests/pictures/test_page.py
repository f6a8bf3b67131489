"""A run's page: what it holds, and that a real browser shows it."""

import base64
import json
import re
import shutil

import numpy as np
import pytest
from browser import Browser, needs_browser
from conftest import run_here

from gan import generate, train
from gan.data import load_images
from gan.dense import GAN
from gan.evaluation.metrics import FIGURES
from gan.pictures import page
from gan.pictures.curves import as_means, read_metrics
from gan.pictures.gallery import Gallery
from gan.runs import Run

pytestmark = pytest.mark.usefixtures("short_runs")


@pytest.fixture(scope="module")
def run(short_runs, tmp_path_factory, small_data):
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
        kind, picture = grid["src"].split(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(picture) == run.grid(grid["name"]).read_bytes()
    kind, picture = found["gif"].split(",")
    assert kind == "data:image/gif;base64"
    assert base64.b64decode(picture) == (run.images / "training.gif").read_bytes()
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


@pytest.mark.slow
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


def test_numbers_that_json_does_not_have_leave_gaps(run, tmp_path):
    other = Run("dense", shutil.copytree(run.root, tmp_path / "copy"))
    columns = read_metrics(other.metrics)
    columns["g_loss"][2:4] = np.nan, np.inf
    page.write_page(other, columns, [], 7, 7, [])
    found = content(other)[1]["curves"]["g_loss"]
    assert found[2:4] == [None, None]
    assert [*found[:2], *found[4:]] == [*columns["g_loss"][:2], *columns["g_loss"][4:]]


def test_the_name_of_the_data_may_have_any_character(run, tmp_path):
    other = Run("dense", shutil.copytree(run.root, tmp_path / "copy"))
    config = other.config()
    config["data"]["name"] = "Zählen-数字-\udcff"  # the last is a byte that is no text
    (other.folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    page.write_page(other, read_metrics(other.metrics), [], 7, 7, [])
    text, found = content(other)
    assert "Fréchet distance" in text
    assert "images of Zählen-数字-\udcff" in found["summary"]


def test_a_large_picture_stays_a_file_beside_the_page(run, tmp_path, monkeypatch):
    """As are grids of images of 1024x1024 pixels: a page with them would not open."""
    other = Run("dense", shutil.copytree(run.root, tmp_path / "copy"))
    monkeypatch.setattr(page, "BYTES", 10)
    grids = [other.grid(name) for name in "036"]
    page.write_page(other, read_metrics(other.metrics), grids, 7, 7, [])
    _, found = content(other)
    assert found["grids"] == [{"name": "final", "src": "final.png"}]
    assert (found["final"], found["gif"]) == (["final.png", "final-average.png"], "training.gif")
    assert (other.images / "index.html").stat().st_size < 30_000


LEFT, RIGHT, HOME, END, PAGE_UP, TAB = (
    ("ArrowLeft", 37),
    *(("ArrowRight", 39), ("Home", 36), ("End", 35), ("PageUp", 33), ("Tab", 9)),
)
LOSSES, DISTANCES = (
    "find('#losses .readout').textContent",
    "find('#evaluations .readout').textContent",
)


def written(run, folder, change=str, **changes):
    """The page of the run with other content, and with its text changed."""
    text, found = content(run)
    page = folder / "index.html"
    data = json.dumps(found | changes)
    text = re.sub(r'(type="application/json">).*?(?=</script>)', lambda m: m[1] + data, text)
    page.write_text(change(text), encoding="utf-8")
    return page


@pytest.mark.browser
@needs_browser
def test_a_browser_shows_the_page(run, tmp_path):
    with Browser(tmp_path) as browser:
        browser.open(written(run, tmp_path))
        seen = "[slider.value, find('#label').textContent, find('#grid').naturalWidth > 100]"
        assert browser.run(seen) == ["3", "final.png", True]
        browser.run("slider.focus()")
        browser.press(*HOME)
        browser.run("await find('#grid').decode()")
        assert browser.run(seen) == ["0", "0.png", True]
        assert browser.run("slider.getAttribute('aria-valuetext')") == "0.png"
        assert browser.run("document.querySelectorAll('#losses path').length") == 3
        assert browser.run("find('#config').rows.length") > 10
        shown = "[...document.querySelectorAll('section')].filter((each) => each.offsetHeight)"
        assert browser.run(f"{shown}.map((each) => each.id)") == [
            *("grids", "final", "gif", "losses", "commands", ""),
        ]
        assert browser.run("[find('#fresh').hidden, find('#progress').position]") == [True, 1]
        assert browser.run("faults") == []


@pytest.mark.browser
@needs_browser
def test_curves_are_read_by_keyboard_pointer_finger_and_screen_reader(run, tmp_path):
    evaluations = {"last": [[2, 4, 6], [99, 88, 77]], "averaged": [[4, 6], [55, 44]]}
    with Browser(tmp_path, width=400) as browser:
        browser.open(written(run, tmp_path, evaluations=evaluations))
        assert browser.run(LOSSES).startswith("around step 6: d_loss 0.")
        assert browser.run(DISTANCES) == "around step 6: last 77.0, averaged 44.0"
        for _ in range(4):  # the button, the slider of the grids, the GIF, the losses
            browser.press(*TAB)
        marked = "find('#losses circle').getAttribute('cx')"
        for key, step in ((LEFT, 5), (LEFT, 4), (HOME, 0), (RIGHT, 1), (PAGE_UP, 2), (END, 6)):
            browser.press(*key)
            assert browser.run(LOSSES).startswith(f"around step {step}: d_loss ")
            assert float(browser.run(marked)) == pytest.approx(40 + 450 * step / 7)
        browser.press(*TAB)
        browser.press(*HOME)
        assert browser.run(DISTANCES) == "around step 2: last 99.0, averaged not measured"
        dots = "[...document.querySelectorAll('#evaluations circle')]"
        shown = f"{dots}.map((each) => each.getAttribute('visibility'))"
        assert browser.run(shown) == ["visible", "hidden"]
        said = browser.send("Accessibility.getFullAXTree")["nodes"]
        sliders = [
            (node["name"]["value"], value["value"]["value"])
            for node in said
            if node.get("role", {}).get("value") == "slider"
            for value in node["properties"]
            if value["name"] == "valuetext"
        ]
        assert sliders[1][0] == "step of the losses"
        assert sliders[2] == ("step of the Fréchet distance", browser.run(DISTANCES))

        browser.run("find('#evaluations svg').scrollIntoView()")
        box = browser.run(
            "const box = find('#evaluations svg').getBoundingClientRect().toJSON(); box"
        )
        place = {"x": box["left"] + box["width"] * 0.6, "y": box["top"] + 40}
        browser.send("Input.dispatchMouseEvent", type="mouseMoved", **place)
        assert browser.run(DISTANCES) == "around step 4: last 88.0, averaged 55.0"
        browser.send("Emulation.setTouchEmulationEnabled", enabled=True)
        for kind, share in (("Start", 0.6), ("Move", 0.8), ("Move", 0.97)):
            points = [{"x": box["left"] + box["width"] * share, "y": box["top"] + 40}]
            browser.send("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=points)
        assert browser.run(DISTANCES) == "around step 6: last 77.0, averaged 44.0"
        assert browser.run("getComputedStyle(find('#evaluations svg')).touchAction") == "pan-y"
        assert browser.run("document.documentElement.scrollWidth") <= 400
        assert browser.run("faults") == []


@pytest.mark.browser
@needs_browser
def test_reloading_can_be_paused_and_waits_for_the_reader(run, tmp_path):
    def hurry(text):
        text = text.replace("20_000", "300").replace("}, 1000);", "}, 50);")
        return text.replace("location.reload()", "window.reloads = (window.reloads || 0) + 1")

    def reloads():
        browser.run("window.reloads = 0")
        return browser.run("await new Promise((done) => setTimeout(done, 600)); reloads") > 0

    with Browser(tmp_path) as browser:
        browser.open(written(run, tmp_path, hurry, training=True, done=6))
        assert browser.run("find('#fresh').innerText").startswith("pause\nThe run is being trained")
        assert reloads()
        browser.press(*TAB)  # to the pause button
        assert reloads()
        for _ in range(2):  # to the slider of the grids
            browser.press(*TAB)
        assert not reloads()
        for _ in range(2):  # to the slider of the losses
            browser.press(*TAB)
        assert not reloads()
        browser.run("document.activeElement.blur()")
        assert reloads()
        place = browser.run(
            "const { x, y } = slider.getBoundingClientRect(); ({ x: x + 9, y: y + 9 })"
        )
        for kind in ("Pressed", "Released"):
            options = {"type": f"mouse{kind}", "button": "left", "clickCount": 1}
            browser.send("Input.dispatchMouseEvent", **options, **place)
        assert browser.run("document.activeElement === slider && slider.value") == "0"
        assert reloads()  # a slider that the mouse has left does not keep the page old
        browser.run("find('#play').click()")
        assert not reloads()
        browser.run("find('#play').click()")
        assert reloads()
        browser.run("find('#pause').click()")
        assert not reloads()
        browser.send("Page.reload")  # by hand
        browser.run("await new Promise((done) => setTimeout(done, 600))")
        assert browser.run("find('#fresh').innerText").startswith("load again\nThe run")
        assert not reloads()
        browser.run("find('#pause').click()")
        assert reloads()
        assert browser.run("faults") == []

        browser.open(
            written(run, tmp_path, lambda text: text.replace("20_000", "1"), training=True)
        )
        before = browser.run("window.old = true")
        browser.wait("window.old === undefined")  # it did load itself again
        assert before


@pytest.mark.browser
@needs_browser
def test_pages_of_runs_with_little_to_show(run, tmp_path):
    _, found = content(run)
    one = {name: values[:1] for name, values in found["curves"].items()}
    gaps = found["curves"] | {"g_loss": [1.0, None, None, 2.0, None, 1.5, None]}
    with Browser(tmp_path) as browser:
        browser.open(written(run, tmp_path, grids=[], curves={}, gif=None, final=[], done=0))
        assert browser.run("find('#none').innerText") == "No grid is drawn yet."
        assert browser.run("[find('#grid'), find('#losses input')].every((each) => each.hidden)")
        assert browser.run("faults") == []

        browser.open(written(run, tmp_path, grids=found["grids"][:1], curves=one, done=1))
        assert browser.run("slider.disabled && find('#play').disabled")
        assert browser.run(LOSSES).startswith("around step 0: d_loss ")
        assert browser.run("faults") == []

        browser.open(written(run, tmp_path, curves=gaps))
        assert browser.run(LOSSES).endswith("g_loss not finite")
        assert (
            browser.run("find('#losses path:last-of-type').getAttribute('d').match(/M/g).length")
            == 3
        )
        assert browser.run("faults") == []

        assert browser.run("find('#gif details').open")
        reduced = [{"name": "prefers-reduced-motion", "value": "reduce"}]
        browser.send("Emulation.setEmulatedMedia", features=reduced)
        browser.open(written(run, tmp_path))
        assert not browser.run("find('#gif details').open")

        browser.send("Emulation.setScriptExecutionDisabled", value=True)
        browser.open(written(run, tmp_path))
        said = [
            node["name"]["value"]
            for node in browser.send("Accessibility.getFullAXTree")["nodes"]
            if "name" in node
        ]
        assert any("This page needs JavaScript" in each for each in said)
