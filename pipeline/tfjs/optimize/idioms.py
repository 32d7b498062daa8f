"""Activations and powers that graphs write in several ops, in one.

- PReLU: `relu(x) + a * (x - |x|) * 0.5` and `relu(x) - a * relu(-x)`, as graphs of TensorFlow 1 and
  of Keras write it, of the output of a product (`products.py`): the wasm kernel takes a slope for
  each channel only.
- Powers: `x ^ 2` and `x ^ 3`, the latter in the usual approximation of GELU, as products.
"""

import numpy as np

from pipeline.tfjs.model.weights import Array
from pipeline.tfjs.optimize.graph import Graph, inputs_of, is_float, node_of
from pipeline.tfjs.optimize.products import Product, find_product, per_channel
from pipeline.tfjs.rewrite.scope import Json

_SUMS = frozenset({"Add", "AddV2"})


def join_prelus(graph: Graph) -> int:
    """Write PReLUs as one op; return how many."""
    count = 0
    for node in list(graph.nodes.values()):
        if node["op"] in _SUMS | {"Sub"} and graph.nodes.get(node["name"]) is node:
            count += _join_prelu(node, graph)
    return count


def multiply_powers(graph: Graph) -> int:
    """Write squares and cubes as products; return how many."""
    count = 0
    for node in list(graph.nodes.values()):
        inputs = inputs_of(node)
        if node["op"] != "Pow" or inputs is None or not is_float(node):
            continue
        power = graph.constant(inputs[1], most=1)
        if power is None or power.shape != () or power not in (2, 3):
            continue
        base, attrs = inputs[0], {"T": (node.get("attr") or {}).get("T", {"type": "DT_FLOAT"})}
        if power == 3:  # noqa: PLR2004  # a cube
            square = graph.new_name(node["name"])
            graph.put({"name": square, "op": "Square", "input": [base], "attr": attrs})
            made = {"name": node["name"], "op": "Mul", "input": [square, base], "attr": attrs}
        else:
            made = {"name": node["name"], "op": "Square", "input": [base], "attr": attrs}
        graph.put(made)
        graph.remove(node_of(inputs[1]))
        count += 1
    return count


def _join_prelu(node: Json, graph: Graph) -> bool:
    inputs = inputs_of(node)
    if inputs is None or not is_float(node):
        return False
    for kept, lost in (inputs, inputs[::-1]):
        found = _find_slope(node, kept, lost, graph)
        if found is None:
            continue
        values, slope = found
        if not np.all(np.isfinite(slope)):
            return False
        alpha = graph.add_constant(node["name"], slope.astype(np.float32))
        attrs = {"T": (node.get("attr") or {}).get("T", {"type": "DT_FLOAT"})}
        graph.put({"name": node["name"], "op": "Prelu", "input": [values, alpha], "attr": attrs})
        graph.remove(*map(node_of, inputs))
        return True
    return False


def _find_slope(node: Json, kept: str, lost: str, graph: Graph) -> tuple[str, Array] | None:
    """Return what a PReLU takes, and its slopes; None for other sums."""
    relu, scaled = graph.node(kept), graph.node(lost)
    if relu["op"] != "Relu" or graph.reader(scaled["name"]) is not node:
        return None
    if node["op"] == "Sub" and inputs_of(node) != [kept, lost]:
        return None
    values = relu["input"][0]
    product = find_product(graph.node(values), graph)
    if product is None or product.is_closed or values.removesuffix(":0") != product.name:
        return None
    slope, part = _take_factors(scaled, product, graph)
    if _is_negative_part(part, values, graph):
        return values, slope if node["op"] == "Sub" else -slope
    if node["op"] != "Sub" and _is_doubled_part(part, values, graph):
        return values, 2 * slope
    return None


def _take_factors(node: Json, product: Product, graph: Graph) -> tuple[Array, Json]:
    """Return the product of the constants that a value is multiplied by, and the value's node."""
    slope = np.ones(product.num_channels)
    while node["op"] == "Mul":
        inputs = inputs_of(node) or []
        found = {name: per_channel(name, product, graph) for name in inputs}
        factors = [values for values in found.values() if values is not None]
        others = [name for name, values in found.items() if values is None]
        if len(factors) != 1 or len(others) != 1:
            break
        slope = slope * factors[0]
        node = graph.node(others[0])
    return slope, node


def _is_negative_part(node: Json, values: str, graph: Graph) -> bool:
    """Return whether a node is relu(-x)."""
    if node["op"] != "Relu":
        return False
    inner = graph.node(node["input"][0])
    return bool(inner["op"] == "Neg" and inner["input"] == [values])


def _is_doubled_part(node: Json, values: str, graph: Graph) -> bool:
    """Return whether a node is x - |x|: twice x where x is negative."""
    if node["op"] != "Sub" or node["input"][:1] != [values]:
        return False
    inner = graph.node(node["input"][1])
    return bool(inner["op"] == "Abs" and inner["input"] == [values])
