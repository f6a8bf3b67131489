"""Measure what --nice costs in diversity: `make ranked-sampling`

gan.generate --nice keeps the images that D scores highest. With the shipped weights of every
design, last and averaged, this keeps 2,000 images out of more and more candidates, and measures
them. Writes reference/ranked_sampling.json and the picture. Takes 15 minutes on 2 cores.
"""

import argparse

from matplotlib.figure import Figure
from results import PICTURES, REFERENCE, REPOSITORY, real_mnist, save_plot, store, stored
from tables import table

from gan.cli import run_command
from gan.designs import DESIGNS
from gan.evaluation.metrics import frechet_distance, neighbourhood_metrics
from gan.runs.trained import Shipped, load

RESULT, PLOT = REFERENCE / "ranked_sampling.json", PICTURES / "ranked_sampling.png"
KEPT = 2000
SHARES = (1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
LINES = {"last": "--", "averaged": "-"}  # of the two generators
FORMS = {"frechet_distance": ".1f", "precision": ".2f", "recall": ".2f"}
MEASURES = {"frechet_distance": "Fréchet distance", "precision": "precision", "recall": "recall"}


def study(name: str, average: bool, real_features, classifier) -> dict:
    """Return the figures of the best KEPT images: measure -> list, one value for each share."""
    from gan.evaluation.classifier import classify
    from gan.evaluation.sampling import Samples, collect, draw_samples, keep_best

    design, _ = load(Shipped(name, REPOSITORY), average=average)
    samples = collect(draw_samples(design, 0, round(KEPT / min(SHARES)), average))
    figures = {measure: [] for measure in MEASURES}
    for share in SHARES:
        candidates = Samples(*(each[: round(KEPT / share)] for each in samples))
        best, _ = keep_best([candidates], KEPT)
        features, _ = classify(classifier, best.images)
        found = neighbourhood_metrics(real_features, features)
        found["frechet_distance"] = frechet_distance(real_features, features)
        for measure, values in figures.items():
            values.append(found[measure])
    return figures


def text(result: dict) -> str:
    """Return a Markdown table: Fréchet distance, precision and recall for each share kept."""
    rows = [
        [f"`{name}`, {kind}", title, *(format(value, FORMS[measure]) for value in figures[measure])]
        for name, kinds in result["designs"].items()
        for kind, figures in kinds.items()
        for measure, title in MEASURES.items()
    ]
    return table(["design", "figure", *(f"{share:.0%}" for share in result["shares"])], rows)


def nearest(result: dict) -> str:
    """Return a Markdown table: for each design, the options with the smallest Fréchet distance."""
    rows = []
    for name, kinds in result["designs"].items():
        distance, kind, share = min(
            (distance, kind, share)
            for kind, figures in kinds.items()
            for distance, share in zip(figures["frechet_distance"], result["shares"], strict=True)
        )
        options = ["--average"] if kind == "averaged" else []
        options += ["--nice", "--candidates", f"{1 / share:.0f}"] if share < 1 else []
        shown = f"`{' '.join(options)}`" if options else "no option"
        everything = kinds[kind]["frechet_distance"][0]
        rows.append([f"`{name}`", shown, f"{distance:.1f}", f"{everything:.1f}"])
    return table(["design", "nearest with", "Fréchet distance", "without `--nice`"], rows)


def plot(result: dict) -> None:
    figure = Figure(figsize=(12, 4), layout="constrained")
    for axis, (measure, title) in zip(figure.subplots(1, 3), MEASURES.items(), strict=True):
        for index, name in enumerate(DESIGNS):
            for kind, figures in result["designs"].get(name, {}).items():
                style = f"C{index}o{LINES[kind]}"
                axis.plot(result["shares"], figures[measure], style, label=f"{name}, {kind}")
        ticks = [f"{share:.0%}" for share in result["shares"]]
        axis.set(xscale="log", title=title, xlabel="share kept: the best by D")
        axis.set_xticks(result["shares"], ticks)
        axis.minorticks_off()
        axis.invert_xaxis()
        axis.grid(alpha=0.3)
        axis.set_ylim(bottom=0)
    figure.legend(*axis.get_legend_handles_labels(), fontsize="small", loc="outside right center")
    save_plot(figure, PLOT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("designs", nargs="*", choices=[[], *DESIGNS], default=[])
    options = parser.parse_args()
    mnist = real_mnist()
    from gan.evaluation.classifier import classify, load_classifier

    classifier = load_classifier()
    real_features, _ = classify(classifier, mnist.test)
    setting = {"kept": KEPT, "shares": list(SHARES)}
    old = stored(RESULT, {})
    designs = old["designs"] if setting.items() <= old.items() else {}
    for name in options.designs or DESIGNS:
        designs[name] = {
            kind: study(name, kind == "averaged", real_features, classifier) for kind in LINES
        }
        print(f"{name} measured", flush=True)
        known = {each: designs[each] for each in DESIGNS if each in designs}
        result = store(RESULT, "make ranked-sampling", setting | {"designs": known})
    print(text(result))
    plot(result)
    return 0


if __name__ == "__main__":
    run_command(main)
