"""What Keras saves: nets that contain only its own layers, which load without `gan`; designs."""

from collections.abc import Sequence
from pathlib import Path

from gan.support.errors import UserError, disk_errors
from gan.support.files import replacing
from gan.support.tensorflow import keras


def plain(net: keras.Model, variables: Sequence | None = None) -> keras.Model:
    """A copy of `net` with Keras' own layers instead of ours, which return them in `as_keras`.

    `variables`: values to use instead of the net's own, in the order of `net.variables`.
    """

    def as_keras(layer: keras.Layer) -> keras.Layer:
        if hasattr(layer, "as_keras"):
            return layer.as_keras()
        return type(layer).from_config(layer.get_config())

    copy = keras.models.clone_model(net, clone_function=as_keras)
    for mine, given in zip(copy.variables, variables or net.variables, strict=True):
        mine.assign(given)
    return copy


def save_plain(path: Path, net: keras.Model, variables: Sequence | None = None) -> None:
    """Write `plain(net, variables)` to the file `path`, completely or not at all."""
    with replacing(path) as temporary:
        plain(net, variables).save(temporary)


class KerasFiles:
    """The part of a design that writes files for Keras: its two nets, or all of it."""

    def save_nets(self, folder: Path | str, average: bool = False) -> None:
        """Write `generator.keras` and `discriminator.keras`, which load without `gan`.

        They contain only Keras' own layers. `average`: save the averaged generator; UserError if
        none is kept. Call the generator of `mlp` with `training=True` on `recipe.batch_size` noise
        vectors or more, as its document does.
        """
        values = self.kept_averages() if average else None
        Path(folder).mkdir(parents=True, exist_ok=True)
        save_plain(Path(folder, "generator.keras"), self.generator, values)
        save_plain(Path(folder, "discriminator.keras"), self.discriminator)

    def save(
        self,
        filepath: Path | str,
        overwrite: bool = True,
        zipped: bool | None = None,
        **others: object,
    ) -> None:
        """Write the whole design, with its optimizers, as a `.keras` file; arguments as in Keras.

        To load it, import its module first. Raises UserError for another ending, which Keras would
        write for other models only, and if the file cannot be written.
        """
        path = str(filepath)
        is_folder = zipped is False and not path.lower().endswith((".h5", ".hdf5"))
        if not (is_folder or path.endswith(".keras") or path.startswith("hf://")):
            raise UserError(
                f"a design is saved in a file that ends in .keras, not in {path!r}; "
                "save_nets(folder) writes its two nets for plain Keras"
            )
        with disk_errors("written", Path(path)):
            super().save(filepath, overwrite, zipped, **others)

    def export(self, filepath: Path | str, *args: object, **options: object) -> None:
        """Write `sample` as Keras' `export` does: a SavedModel by default; arguments as there."""
        noise = keras.InputSpec("float32", (None, self.recipe.latent_dim))
        super().export(filepath, *args, **{"input_signature": [noise]} | options)
