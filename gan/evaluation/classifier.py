"""The small classifiers of MNIST and of Fashion-MNIST that gan.evaluate uses.

gan.evaluate compares images by their features: the outputs of the classifier's last hidden layer.
`make classifier` trains one, and the weights of both come with the project.
"""

from pathlib import Path

import numpy as np

from gan.layers.defaults import keras_defaults
from gan.runs.trained import REFERENCE
from gan.runs.weights import load_weights
from gan.support.tensorflow import keras, layers

FOLDER = REFERENCE / "classifier"
FOLDERS = {"mnist": FOLDER, "fashion": REFERENCE / "classifier-fashion"}
FEATURES = 64
CHUNK = 1000


@keras_defaults()
def build_classifier() -> keras.Model:
    """A Model from images [B, 28, 28, 1] in 0..255 to (features [B, 64], log-odds [B, 10])."""
    images = keras.Input((28, 28, 1))
    x = layers.Rescaling(1 / 255)(images)
    for filters in (24, 48):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, use_bias=False)(x)
            x = layers.BatchNormalization()(x)
            x = layers.ReLU()(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    features = layers.Dense(FEATURES, activation="relu")(layers.Dropout(0.3)(x))
    return keras.Model(images, (features, layers.Dense(10)(layers.Dropout(0.3)(features))))


def load_classifier(folder: Path = FOLDER) -> keras.Model:
    """The classifier with the weights in `folder`: MNIST's by default. Raises UserError."""
    model = build_classifier()
    load_weights(folder, model.variables)
    return model


def classify(model: keras.Model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features [N, 64] and the digits' probabilities [N, 10] of uint8 images [N, 28, 28, 1]."""
    seen = [
        model(images[first : first + CHUNK].astype(np.float32), training=False)
        for first in range(0, len(images), CHUNK)
    ]
    features, log_odds = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    return features, keras.ops.convert_to_numpy(keras.ops.softmax(log_odds))
