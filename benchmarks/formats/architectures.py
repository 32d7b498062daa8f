"""Architectures of keras.applications on disk, in each format that Keras writes.

    python benchmarks/formats/architectures.py

Weights are random but the same each time, and of a size that lets inputs show in outputs: what is
surveyed are graphs and files, not what was learned. They lie in `benchmarks/formats/built/`.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

BUILT = Path(__file__).parent / "built"
SEED = 7
SMALL = {"weights": None, "classes": 10}


def enliven(model: Any) -> Any:
    """Give normalizations and the last layer weights that let an input show in the output."""
    random = np.random.default_rng(SEED)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            sizes = [weight.shape for weight in layer.get_weights()]
            bounds = [(0.8, 1.6), (-0.2, 0.2), (-0.2, 0.2), (0.5, 1.5)][-len(sizes) :]
            pairs = zip(bounds, sizes, strict=True)
            layer.set_weights([random.uniform(*bound, size) for bound, size in pairs])
    kernel, *rest = model.layers[-1].get_weights() or [None]
    if kernel is not None:
        model.layers[-1].set_weights([5 * kernel, *rest])
    return model


def write_keras3() -> None:
    """Write what Keras 3 writes: .keras, .h5 and an exported SavedModel."""
    import keras  # noqa: PLC0415  # one generation of Keras a process

    keras.utils.set_random_seed(SEED)
    applications = keras.applications
    enliven(applications.MobileNetV2(input_shape=(96, 96, 3), alpha=0.35, **SMALL)).save(
        BUILT / "mobilenet_v2.keras"
    )
    enliven(applications.EfficientNetB0(input_shape=(64, 64, 3), **SMALL)).save(
        BUILT / "efficientnet_b0.keras"
    )
    enliven(applications.MobileNetV3Small(input_shape=(96, 96, 3), **SMALL)).save(
        BUILT / "mobilenet_v3_small_keras3.h5"
    )
    enliven(applications.NASNetMobile(input_shape=(64, 64, 3), **SMALL)).export(
        BUILT / "nasnet_mobile_export", verbose=False
    )


def write_keras2() -> None:
    """Write what Keras 2 writes: .h5, its SavedModel, and its own .keras."""
    import tf_keras  # noqa: PLC0415  # one generation of Keras a process

    tf_keras.utils.set_random_seed(SEED)
    applications = tf_keras.applications
    enliven(applications.DenseNet121(input_shape=(64, 64, 3), **SMALL)).save(
        BUILT / "densenet121_keras2.h5"
    )
    enliven(applications.MobileNet(input_shape=(96, 96, 3), alpha=0.25, **SMALL)).save(
        BUILT / "mobilenet_keras2", save_format="tf"
    )
    enliven(applications.ResNet50V2(input_shape=(64, 64, 3), **SMALL)).save(
        BUILT / "resnet50_v2_keras2.keras"
    )


if __name__ == "__main__":
    BUILT.mkdir(exist_ok=True)
    if len(sys.argv) > 1:
        {"2": write_keras2, "3": write_keras3}[sys.argv[1]]()
    else:
        for generation in ("2", "3"):
            subprocess.run([sys.executable, __file__, generation], check=True)
