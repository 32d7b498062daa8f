"""FakeQuantize: numbers rounded to levels between limits."""

import numpy as np

from pipeline.tf.openvino.layer import Layer, Table
from pipeline.tf.openvino.rules.elementwise import BEYOND

_NUM_LIMITS = 4


def _quantize(layer: Layer) -> str:
    """FakeQuantize: data, the lowest and highest input, the lowest and highest output."""
    names, rank = layer.names, layer.rank()
    if layer.attribute("auto_broadcast", "numpy") == "pdpd":
        names = [names[0], *(_align(layer, n, rank) for n in range(1, 1 + _NUM_LIMITS))]
    levels = int(layer.attribute("levels"))
    return layer.emit("FakeQuantize", names, domain=BEYOND, levels=levels)


def _align(layer: Layer, index: int, rank: int) -> str:
    own = layer.rank(index)
    behind = rank - own - 1
    is_one = np.prod([size or 0 for size in layer.sizes(index)]) == 1
    name = layer.names[index]
    return name if is_one or behind <= 0 else layer.unsqueeze(name, range(own, own + behind))


RULES: Table = {"FakeQuantize": _quantize}
