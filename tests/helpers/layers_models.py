"""Small valid layers models, written the way that tensorflowjs_converter and TensorFlow.js do.

`write_layers_model(folder)` alone makes a dense layer with a softmax, which TensorFlow.js
loads and runs:  image (-1, 8) ─ Dense 4 `score`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from graph_models import Array, dense_weights, write_graph_model

Json = dict[str, Any]


def layer(kind: str, name: str, *calls: Sequence[str], **config: Any) -> Json:
    """Return a layer of a functional model; each call is the names of the layers it takes."""
    return {
        "class_name": kind,
        "config": {"name": name, **config},
        "name": name,
        "inbound_nodes": [[[taken, 0, 0, {}] for taken in call] for call in calls],
    }


def image(name: str = "image", shape: Sequence[int | None] = (None, 8), **config: Any) -> Json:
    """Return an input layer."""
    return layer("InputLayer", name, batch_input_shape=list(shape), **{"dtype": "float32"} | config)


def dense(name: str = "score", taken: str = "image", **config: Any) -> Json:
    """Return a dense layer of 4 units with a softmax."""
    settings = {"units": 4, "activation": "softmax", "use_bias": True} | config
    return layer("Dense", name, [taken], **settings)


def functional(
    layers: Sequence[Json], *, inputs: Sequence[str] = ("image",), outputs: Sequence[Any]
) -> Json:
    """Return a functional model; an output is a layer, or a layer with numbers."""
    ends = [[end, 0, 0] if isinstance(end, str) else list(end) for end in outputs]
    return {
        "class_name": "Functional",
        "config": {
            "name": "model",
            "layers": list(layers),
            "input_layers": [[name, 0, 0] for name in inputs],
            "output_layers": ends,
        },
    }


def sequential(*layers: Json) -> Json:
    """Return a sequential model."""
    plain = [{key: one[key] for key in ("class_name", "config")} for one in layers]
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": plain}}


def score_weights(*, seed: int = 0) -> dict[str, Array]:
    """Return the weights of the layer `score`."""
    return {f"score/{name}": values for name, values in dense_weights(seed=seed).items()}


def write_layers_model(
    folder: Path,
    model: Json | None = None,
    *,
    weights: Mapping[str, Array] | None = None,
    **content: Any,
) -> Path:
    """Write model.json and shards; return its path.

    Args:
        folder: Where to; made.
        model: What stands under "model_config".
        weights: Values by name; those of the layer `score` if None.
        content: Further keys of model.json, or what else `write_graph_model` takes.
    """
    model = functional([image(), dense()], outputs=["score"]) if model is None else model
    topology = {"keras_version": "2.12.0", "backend": "tensorflow", "model_config": model}
    keys: Json = {"format": "layers-model", "modelTopology": topology} | content
    known = score_weights() if weights is None else dict(weights)
    return write_graph_model(folder, weights=known, signature={}, **keys)


def in_group(path: Path, group: str, *names: str) -> None:
    """Put weights of a model.json into a group, as TensorFlow.js does with an optimizer's."""
    content = json.loads(path.read_bytes())
    for listed in content["weightsManifest"]:
        for weight in listed["weights"]:
            if weight["name"] in names:
                weight["group"] = group
    path.write_text(json.dumps(content))


def softmax(logits: Array) -> Array:
    """Return the softmax along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    values: Array = powers / powers.sum(axis=-1, keepdims=True)
    return values


def plain_layer(kind: str, name: str, **config: Any) -> Json:
    """Return a layer's configuration."""
    return {"class_name": kind, "config": {"name": name, **config}}
