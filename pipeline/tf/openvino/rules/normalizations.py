"""Normalizations, and attention."""

import numpy as np

from pipeline.tf.openvino.layer import Layer, Table
from pipeline.tf.openvino.rules.parts import whole


def _normalize_batch(layer: Layer) -> str:
    """BatchNormInference: opset1 has gamma and beta before the data."""
    names = layer.names
    if layer.opset in ("opset1", "opset2", "opset3", "opset4"):
        names = [names[2], names[0], names[1], names[3], names[4]]
    epsilon = float(layer.attribute("epsilon", layer.attribute("eps", 0.0)))
    return layer.emit("BatchNormalization", names, epsilon=epsilon)


def _normalize_mean(layer: Layer) -> str:
    """MVN: subtract the mean, divide by the deviation; epsilon inside of the root, or outside."""
    name = layer.names[0]
    if layer.has(1):
        axes, inside = whole(layer, 1), "inside" in str(layer.attribute("eps_mode")).lower()
        if layer.known(1) is not None:
            axes = layer.constant(np.ravel(layer.known(1)), "int64")
    else:
        first = 1 if layer.attribute("across_channels") else 2
        axes, inside = layer.constant(range(first, layer.rank()), "int64"), False
    centered = layer.emit("Sub", [name, layer.emit("ReduceMean", [name, axes], keepdims=1)])
    if not layer.attribute("normalize_variance", True):
        return centered
    square = layer.emit("Mul", [centered, centered])
    variance = layer.emit("ReduceMean", [square, axes], keepdims=1)
    epsilon = layer.number(float(layer.attribute("eps", 1e-9)))
    if inside:
        root = layer.emit("Sqrt", [layer.emit("Add", [variance, epsilon])])
    else:
        root = layer.emit("Add", [layer.emit("Sqrt", [variance]), epsilon])
    return layer.emit("Div", [centered, root])


def _normalize_groups(layer: Layer) -> str:
    return layer.emit(
        "GroupNormalization",
        layer.names,
        num_groups=int(layer.attribute("num_groups")),
        epsilon=float(layer.attribute("epsilon")),
    )


def _normalize_norm(layer: Layer) -> str:
    """NormalizeL2: divide by the root of the sum of squares plus epsilon, or of the larger."""
    name = layer.names[0]
    axes = layer.numbers(1, "axes")
    square = layer.emit("Mul", [name, name])
    if axes:
        square = layer.emit("ReduceSum", [square, layer.constant(axes, "int64")], keepdims=1)
    epsilon = layer.number(float(layer.attribute("eps", 0.0)))
    op = "Max" if str(layer.attribute("eps_mode", "add")).lower() == "max" else "Add"
    return layer.emit("Div", [name, layer.emit("Sqrt", [layer.emit(op, [square, epsilon])])])


def _normalize_neighbours(layer: Layer) -> str:
    """LRN over channels; over other axes it is computed from a sum of shifted squares."""
    axes = [layer.axis(axis) for axis in layer.numbers(1, "axes")] if layer.has(1) else [1]
    alpha, beta, bias = (float(layer.attribute(name)) for name in ("alpha", "beta", "bias"))
    size = int(layer.attribute("size"))
    if bias != int(bias):
        raise layer.refuse(f"its bias is {bias}, which OpenVINO cuts to a whole number on the CPU")
    if axes == [1] and size % 2:
        return layer.emit("LRN", layer.names[:1], size=size, alpha=alpha, beta=beta, bias=bias)
    name = layer.names[0]
    if axes not in ([1], list(range(2, layer.rank()))):
        raise layer.refuse("it normalizes over axes other than the channels, or all behind them")
    reach = (size - 1) // 2
    windows = [2 * reach + 1 if axis in axes else 1 for axis in range(1, layer.rank())]
    pads = [reach if axis in axes else 0 for axis in range(1, layer.rank())]
    # Channels are an axis of space for the pool where it goes over them.
    added = [1] if axes == [1] else []
    windows, pads = (each if added else each[1:] for each in (windows, pads))
    square = layer.unsqueeze(layer.emit("Mul", [name, name]), added)
    mean = layer.emit(
        "AveragePool", [square], kernel_shape=tuple(windows), pads=(*pads, *pads),
        strides=(1,) * len(windows), count_include_pad=1,
    )  # fmt: skip
    share = alpha * ((2 * reach + 1) / size) ** len(axes)
    scaled = layer.emit("Mul", [layer.squeeze(mean, added), layer.number(share)])
    base = layer.emit("Add", [scaled, layer.number(bias)])
    return layer.emit("Div", [name, layer.emit("Pow", [base, layer.number(beta)])])


def _normalize_response(layer: Layer) -> str:
    """GRN: divide by the root of the sum of squares over channels, plus a bias."""
    name = layer.names[0]
    square = layer.emit("Mul", [name, name])
    total = layer.emit("ReduceSum", [square, layer.constant([1], "int64")], keepdims=1)
    bias = layer.number(float(layer.attribute("bias", 0.0)))
    return layer.emit("Div", [name, layer.emit("Sqrt", [layer.emit("Add", [total, bias])])])


def _normalize_root(layer: Layer) -> str:
    """RMS: divide by the root of the mean of squares, times a scale."""
    name, axes = layer.names[0], whole(layer, 1)
    mean = layer.emit("ReduceMean", [layer.emit("Mul", [name, name]), axes], keepdims=1)
    epsilon = layer.number(float(layer.attribute("epsilon", 0.0)))
    made = layer.emit("Div", [name, layer.emit("Sqrt", [layer.emit("Add", [mean, epsilon])])])
    return layer.emit("Mul", [made, layer.names[2]]) if layer.has(2) else made


def _attend(layer: Layer) -> str:
    """ScaledDotProductAttention: query, key, value, a mask and a scale.

    A mask of truth values lets in where it is true; another is added. With `causal` an element
    sees itself and those before it.
    """
    query, key, value = layer.names[:3]
    rank = layer.rank(1)
    turned = layer.transpose(key, [*range(rank - 2), rank - 1, rank - 2])
    scale = layer.names[4] if layer.has(4) else _default_scale(layer)
    scores = layer.emit("MatMul", [layer.emit("Mul", [query, scale]), turned])
    if layer.attribute("causal"):
        rows, columns = layer.sizes(0)[-2], layer.sizes(1)[-2]
        if rows is None or columns is None:
            raise layer.refuse("it is causal over an open number of elements")
        mask = np.triu(np.full((rows, columns), -np.inf, np.float32), 1)
        scores = layer.emit("Add", [scores, layer.constant(mask, layer.inputs[0].dtype)])
    elif layer.has(3) and layer.known(3) is not None and not layer.known(3).ndim:
        pass  # a number stands for no mask
    elif layer.has(3) and layer.inputs[3].dtype == "bool":
        low = layer.number(float(np.finfo(np.float32).min))
        scores = layer.emit("Where", [layer.names[3], scores, low])
    elif layer.has(3):
        scores = layer.emit("Add", [scores, layer.names[3]])
    return layer.emit("MatMul", [layer.emit("Softmax", [scores], axis=-1), value])


def _default_scale(layer: Layer) -> str:
    size = layer.sizes(0)[-1]
    if size is None:
        raise layer.refuse("its scale depends on an open size")
    return layer.number(1 / np.sqrt(size))


RULES: Table = {
    "BatchNormInference": _normalize_batch,
    "GRN": _normalize_response,
    "GroupNormalization": _normalize_groups,
    "LRN": _normalize_neighbours,
    "MVN": _normalize_mean,
    "NormalizeL2": _normalize_norm,
    "RMS": _normalize_root,
    "ScaledDotProductAttention": _attend,
}
