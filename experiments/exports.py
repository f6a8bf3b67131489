"""Export the nets of every design in the usual formats, and compare them with Keras: `make exports`

Takes the shipped weights, as gan.export --nets writes them, 16 noise vectors for G, and for D the
images that G makes of them. Stores the largest difference of any output from what Keras computes:
reference/exports.json. Takes three minutes on 2 cores. Needs onnx, tf2onnx and onnxruntime
(experiments/requirements.txt).
"""

import contextlib
import io
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
from results import REFERENCE, REPOSITORY, commit, store
from tables import table

from gan.cli import run_command
from gan.designs import DESIGNS
from gan.runs.trained import Shipped, load
from gan.support.tensorflow import keras, tf

RESULT = REFERENCE / "exports.json"
COUNT = 16
CALLS = {
    "SavedModel": '`net.export("folder")`',
    "ONNX": '`net.export("net.onnx", format="onnx")`, with `tf2onnx` installed',
    "TFLite": "`tf.lite.TFLiteConverter.from_keras_model(net).convert()`",
}


def saved_model(net: keras.Model, inputs: np.ndarray, folder: Path) -> np.ndarray:
    net.export(str(folder / "saved"), verbose=False)
    loaded = tf.saved_model.load(str(folder / "saved"))
    return loaded.serve(inputs).numpy()


def onnx(net: keras.Model, inputs: np.ndarray, folder: Path) -> np.ndarray:
    import onnxruntime

    net.export(str(folder / "net.onnx"), format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(folder / "net.onnx")
    return session.run(None, {session.get_inputs()[0].name: inputs})[0]


def tflite(net: keras.Model, inputs: np.ndarray, folder: Path) -> np.ndarray:
    content = tf.lite.TFLiteConverter.from_keras_model(net).convert()
    interpreter = tf.lite.Interpreter(model_content=content)
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, inputs.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(place, inputs)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


EXPORTS = {"SavedModel": saved_model, "ONNX": onnx, "TFLite": tflite}


def difference(export, net: keras.Model, inputs: np.ndarray) -> float | str:
    """Return the largest difference from Keras, or the error of an export that fails."""
    expected = net(inputs).numpy()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        try:
            return float(np.abs(export(net, inputs, Path(folder)) - expected).max())
        except Exception as error:  # whatever an exporter raises is its result
            return f"{type(error).__name__}: {error}".splitlines()[0][:120]


def text(result: dict) -> str:
    """Return a Markdown table: the call and the largest difference of each export."""
    rows = []
    for title, call in CALLS.items():
        found = {net: each[title] for net, each in result["nets"].items()}
        numbers = [value for value in found.values() if not isinstance(value, str)]
        failed = [f"`{net}`" for net, value in found.items() if isinstance(value, str)]
        worst = f"{max(numbers):.0e}" if any(numbers) else "0" if numbers else None
        rows.append([title, call, worst, ", ".join(failed) or "none"])
    return table(["export", "call", "largest difference from Keras", "cannot be exported"], rows)


def main() -> int:
    found, origin = {}, commit()
    random = np.random.default_rng(0)
    for name in DESIGNS:
        design, _ = load(Shipped(name, REPOSITORY))
        with tempfile.TemporaryDirectory() as folder:
            design.save_nets(folder)
            nets = {
                kind: keras.models.load_model(Path(folder) / f"{kind}.keras")
                for kind in ("generator", "discriminator")
            }
        noise = random.uniform(-1, 1, (COUNT, design.recipe.latent_dim)).astype(np.float32)
        # Of noise D says nearly 0, and so would an export that is wrong.
        inputs = {"generator": noise, "discriminator": nets["generator"](noise).numpy()}
        for kind, net in nets.items():
            title = f"{name} {kind}"
            found[title] = {each: difference(EXPORTS[each], net, inputs[kind]) for each in CALLS}
            print(title, found[title], flush=True)
    versions = {each: version(each) for each in ("tensorflow", "onnx", "tf2onnx", "onnxruntime")}
    result = {"commit": origin, "versions": versions, "nets": found}
    print(text(store(RESULT, "make exports", result)))
    return 0


if __name__ == "__main__":
    run_command(main)
