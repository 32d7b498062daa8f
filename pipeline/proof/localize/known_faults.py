"""Known faults of TensorFlow.js: those that a repair of graphs avoids, and those of graphics.

A repair knows the nodes that need it, so a node to which a repair still applies has the fault that
the repair's reason describes. On webgl and webgpu an op can be no better than the function of the
shading language that it calls (WGSL, "Floating Point Accuracy", and Vulkan, "Precision and
Operation of SPIR-V Instructions"). This module opens no file.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.disk.browser_program import BROWSER_BACKENDS
from pipeline.tfjs.rewrite.scope import Scope
from pipeline.tfjs.rewrite.single_ops import REWRITES

_WAVES = "a shader may be off by 2^-11 in a sine or cosine"
_ARCS = "a shader may be off by 4,096 units in the last place in an arc function"
_IN_SHADERS = {
    **dict.fromkeys(("Cos", "Sin", "Tan"), _WAVES),
    **dict.fromkeys(("Acos", "Asin", "Atan", "Atan2"), _ARCS),
}


def find_known_fault(topology: Mapping[str, Any], name: str, *, backend: str) -> str | None:
    """Return the known fault of TensorFlow.js with a node, else None.

    For instance "the wasm backend casts to an integer first, so that 0.4 is false".

    Args:
        topology: `modelTopology` of a model.json.
        name: Name of the node.
        backend: The backend that computes it.
    """
    nodes = {node["name"]: node for node in topology["node"]}
    node = nodes[name]
    rewrite = REWRITES.get(node["op"])
    made = rewrite(node, Scope(nodes=nodes, is_function=False)) if rewrite else None
    if made is not None:
        return made.reason.partition(": ")[2]
    return _IN_SHADERS.get(node["op"]) if backend in BROWSER_BACKENDS else None
