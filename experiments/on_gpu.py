"""What `make test-gpu` and `make bench` find on a GPU: where it is kept, and its tables."""

import re
from statistics import median

from results import REFERENCE, commit, keep, machine, stored, with_origin
from tables import table

from gan.designs import DESIGNS
from gan.support.errors import UserError

RESULT = REFERENCE / "gpu.json"
KINDS = ("float32", "float32, TF32", "bfloat16")  # what a GPU computes the products in
COMPILERS = ("no XLA", "XLA")
DETERMINISM = ("deterministic", "not deterministic")
VARIANTS = [(compiler, determinism) for determinism in DETERMINISM for compiler in COMPILERS]
MISSING = (
    "Not yet measured on a GPU: `make test-gpu` (10 minutes) and `make bench` (20 minutes) on a "
    "machine with an NVIDIA GPU write the figures here. Both times are estimates."
)


def this_card() -> dict:
    """Describe the GPUs that TensorFlow lists, and the versions that their figures depend on."""
    from gan.support import gpus
    from gan.support.tensorflow import tf

    return {
        "gpu": gpus.describe(tf.config.list_physical_devices("GPU")),
        "driver": gpus.driver(),
        "cuda": gpus.cuda_libraries(),
        "tensorflow": tf.__version__,
        "commit": commit(),
    }


def check_card(parts: dict, card: dict) -> None:
    """Raise UserError if one of `parts`, which stay in gpu.json, is of another machine or card."""
    for part in parts.values():
        theirs, ours = (part["machine"], part["gpu"]), (machine(), card["gpu"])
        # A processor's clock changes from minute to minute.
        if [re.sub(r" at [\d.]+ GHz", "", text) for text in theirs] != [
            re.sub(r" at [\d.]+ GHz", "", text) for text in ours
        ]:
            raise UserError(
                f"the figures in {RESULT.name} are of {part['gpu']} in {part['machine']}; delete "
                f"{RESULT} to measure all of them again"
            )


def others(part: str) -> dict:
    """Return what is stored beside `part`: "checks" or "speed"."""
    return {name: found for name, found in stored(RESULT, {}).items() if name != part}


def keep_part(part: str, command: str, card: dict, found: dict) -> None:
    """Store what was found with its origin as `part`; the other part stays as it is."""
    result = others(part) | {part: with_origin(command, card | found)}
    keep(RESULT, {name: result[name] for name in ("checks", "speed") if name in result})


def text(result: dict) -> str:
    """Return the content of gpu.json as Markdown, or the sentence that there is none."""
    parts = []
    if checks := result.get("checks"):
        rows = ([name, said] for name, said in checks["results"].items())
        parts += [origin(checks), table(["check", "result"], rows)]
    if speed := result.get("speed"):
        parts += [origin(speed), speed_table(speed["designs"])]
    if missing := {"checks": "test-gpu", "speed": "bench"}.keys() - result.keys():
        command = "test-gpu" if "checks" in missing else "bench"
        parts += [f"The rest is not yet measured: `make {command}`." if result else MISSING]
    return "\n\n".join(parts)


def origin(part: dict) -> str:
    """Return where and when a part was measured, as a sentence."""
    driver, cuda = part["driver"] or "unknown", part["cuda"] or "not from packages"
    return (
        f"`{part['command']}`, {part['date']}, commit {part['commit'] or 'unknown'}, "
        f"{part['seconds'] / 60:.0f} minutes, on {part['machine']}. {part['gpu']}; driver "
        f"{driver}; TensorFlow {part['tensorflow']}; CUDA libraries: {cuda}."
    )


def speed_table(designs: dict) -> str:
    """Return the steps per second on a GPU as a Markdown table.

    In brackets: how many times as fast as the first of the row, the median over the rounds.
    """
    rows = []
    for name in filter(designs.get, DESIGNS):
        for kind in KINDS:
            if not (turns := designs[name].get(kind)):
                continue
            cells = [f"`{name}`", kind]
            first = label(*VARIANTS[0])
            for variant in VARIANTS:
                rates = [turn[label(*variant)] for turn in turns]
                if None in rates:
                    cells.append("fails")
                    continue
                cell = f"{median(rates):.3g} it/s"
                if variant != VARIANTS[0] and None not in [turn[first] for turn in turns]:
                    times = median(turn[label(*variant)] / turn[first] for turn in turns)
                    cell += f" ({times:.2g})"
                cells.append(cell)
            rows.append(cells)
    return table(["design", "format", *(label(*variant) for variant in VARIANTS)], rows)


def label(compiler: str, determinism: str) -> str:
    return f"{determinism}, {compiler}"
