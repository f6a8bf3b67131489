"""`design.save` and Keras' other ways to write a model."""

import json
import os
import zipfile

import numpy as np
import pytest
from conftest import built
from processes import REPOSITORY

from gan.designs import build_design
from gan.support.errors import UserError
from gan.support.tensorflow import keras, tf

SMALL = {"image_shape": (12, 12, 1), "batch_size": 8, "latent_dim": 8}


@pytest.mark.parametrize(
    "name", ["x.h5", "x.hdf5", "x", "x.KERAS", "x.tf", "x.weights.h5", "folder", "", "new/x.h5"]
)
def test_another_ending_is_one_line_and_no_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    os.mkdir("folder")
    for path in (name, tmp_path / name):
        with pytest.raises(
            UserError, match=r"ends in \.keras, not in .*save_nets\(folder\)"
        ) as one:
            built("mlp", **SMALL).save(path)
        assert "\n" not in str(one.value)
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "folder.keras").mkdir()
    for name, why in (("folder.keras", "Is a directory"), ("no/x.keras", "No such file")):
        with pytest.raises(UserError, match=f"{name} cannot be written: {why}"):
            built("mlp", **SMALL).save(tmp_path / name)


def test_what_can_be_saved_gives_the_same_design(tmp_path):
    design = built("mlp", **SMALL)
    design.generator.variables[0].assign_add(np.ones((8, 128), "float32"))
    design.d_optimizer.iterations.assign(7)
    values = [variable.numpy() for variable in [*design.all_variables, *design.averages]]
    design.save(tmp_path / "a.keras")
    design.save(tmp_path / "folder", zipped=False)
    design.save_weights(tmp_path / "a.weights.h5")
    other = build_design("mlp", seed=3, **SMALL)
    other.load_weights(tmp_path / "a.weights.h5")
    loaded = [keras.models.load_model(tmp_path / name) for name in ("a.keras", "folder")]
    for same in (*loaded, other):
        found = [variable.numpy() for variable in [*same.all_variables, *same.averages]]
        for one, value in zip(found, values, strict=True):
            np.testing.assert_array_equal(one, value)


def test_export_writes_what_sample_draws(tmp_path):
    design, noise = built("mlp", **SMALL), np.ones((3, 8), "float32")
    design.export(tmp_path / "saved", verbose=False)
    saved = tf.saved_model.load(tmp_path / "saved")
    served = saved.serve(noise)
    np.testing.assert_allclose(served, design.sample(noise), atol=1e-6)


def test_the_guide_says_what_keras_says_without_the_import(tmp_path, monkeypatch):
    """As in a process that has not imported the design's module."""
    design = built("mlp", **SMALL)
    design.save(tmp_path / "mlp.keras")
    with zipfile.ZipFile(tmp_path / "mlp.keras") as file:
        config = json.loads(file.read("config.json"))
    assert (config["module"], config["registered_name"]) == ("gan.mlp", "gan>MLPGAN")
    monkeypatch.delitem(keras.saving.get_custom_objects(), "gan>MLPGAN")
    with pytest.raises(TypeError) as error:
        keras.models.load_model(tmp_path / "mlp.keras")
    guide = (REPOSITORY / "experiments" / "guide.md").read_text(encoding="utf-8")
    assert str(error.value).startswith("Could not locate class 'MLPGAN'")
    assert "`TypeError: Could not locate class 'ConvolutionalGAN'`" in guide
    assert "'module': 'gan.mlp'" in str(error.value)
    assert "`'module': 'gan.dcgan'`" in guide
