"""Operations on each element: arithmetic, activations, comparisons, conversions.

https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/operation-specs.html
"""

from collections.abc import Sequence

import numpy as np

from pipeline.tf.layout.value import is_float, is_integer
from pipeline.tf.openvino.element_types import computed_dtype, onnx_type
from pipeline.tf.openvino.layer import Layer, Rule, Table

BEYOND = "openvino"
"""The domain of operators that ONNX lacks; see `pipeline.tf.onnx.rules.openvino`."""


def same(op: str) -> Rule:
    """Return the rule of an operation that ONNX has under a name, with the same inputs."""

    def rule(layer: Layer) -> str:
        return layer.emit(op, layer.names)

    return rule


def _two(op: str) -> Rule:
    """Return the rule of an operation on two inputs, which are broadcast."""

    def rule(layer: Layer) -> str:
        return layer.emit(op, align(layer))

    return rule


def _bitwise(op: str) -> Rule:
    """Return the rule of an operation on the bits of two inputs, which may be truth values."""

    def rule(layer: Layer) -> str:
        return layer.emit(_of_bits(layer, op), align(layer))

    return rule


def _of_bits(layer: Layer, op: str) -> str:
    return op if layer.inputs[0].dtype == "bool" else f"Bitwise{op}"


def align(layer: Layer) -> list[str]:
    """Return the names of two inputs that broadcast as numpy does.

    With the broadcast of PaddlePaddle ("pdpd") the axes of the second begin at a stated axis of
    the first.
    """
    first, second = layer.names
    if layer.attribute("auto_broadcast", "numpy") != "pdpd":
        return [first, second]
    rank, own = layer.rank(0), layer.rank(1)
    axis = int(layer.attribute("axis", -1))
    begin = rank - own if axis == -1 else axis
    behind = rank - own - begin
    return [first, layer.unsqueeze(second, range(own, own + behind)) if behind > 0 else second]


def _floor_mod(layer: Layer) -> str:
    first, second = align(layer)
    if is_integer(layer.inputs[0].dtype):
        return layer.emit("Mod", [first, second])
    floor = layer.emit("Floor", [layer.emit("Div", [first, second])])
    return layer.emit("Sub", [first, layer.emit("Mul", [floor, second])])


def _mod(layer: Layer) -> str:
    return layer.emit("Mod", align(layer), fmod=1)


def _not_equal(layer: Layer) -> str:
    return layer.emit("Not", [layer.emit("Equal", align(layer))])


def _squared_difference(layer: Layer) -> str:
    difference = layer.emit("Sub", align(layer))
    return layer.emit("Mul", [difference, difference])


def _clamp(layer: Layer) -> str:
    """Clamp: limits beyond those of whole numbers limit nothing."""
    low, high = float(layer.attribute("min")), float(layer.attribute("max"))
    dtype = layer.inputs[0].dtype
    if is_integer(dtype):
        limits = np.iinfo(dtype)
        low, high = np.ceil(max(low, limits.min)), np.floor(min(high, limits.max))
        ends = [int(low), int(high)]
        return layer.emit("Clip", [layer.names[0], *(layer.constant(n, dtype) for n in ends)])
    return layer.emit("Clip", [layer.names[0], layer.number(low), layer.number(high)])


def _round(layer: Layer) -> str:
    if layer.attribute("mode", "half_to_even") == "half_to_even":
        return layer.emit("Round", layer.names)
    away = layer.emit("Floor", [layer.emit("Add", [_abs(layer), layer.number(0.5)])])
    return layer.emit("Mul", [layer.emit("Sign", layer.names), away])


def _abs(layer: Layer) -> str:
    return layer.emit("Abs", layer.names[:1])


def _elu(layer: Layer) -> str:
    return layer.emit("Elu", layer.names, alpha=float(layer.attribute("alpha", 1.0)))


def _selu(layer: Layer) -> str:
    alpha, scale = (float(np.ravel(layer.require(n, what))[0]) for n, what in _SELU)
    return layer.emit("Selu", layer.names[:1], alpha=alpha, gamma=scale)


_SELU = ((1, "alpha"), (2, "lambda"))


def _hard_sigmoid(layer: Layer) -> str:
    alpha, beta = (float(np.ravel(layer.require(n, "slope"))[0]) for n in (1, 2))
    return layer.emit("HardSigmoid", layer.names[:1], alpha=alpha, beta=beta)


def _h_sigmoid(layer: Layer) -> str:
    return layer.emit("HardSigmoid", layer.names, alpha=1 / 6, beta=0.5)


def _gelu(layer: Layer) -> str:
    mode = str(layer.attribute("approximation_mode", "erf")).lower()
    return layer.emit("Gelu", layer.names, approximate="tanh" if mode == "tanh" else "none")


def _swish(layer: Layer) -> str:
    name = layer.names[0]
    inner = layer.emit("Mul", layer.names[:2]) if layer.has(1) else name
    if layer.known(1) is not None and np.all(layer.known(1) == 1):
        inner = name
    return layer.emit("Mul", [name, layer.emit("Sigmoid", [inner])])


def _prelu(layer: Layer) -> str:
    """PRelu: a vector of as many slopes as channels has one for each, on the second axis."""
    known = layer.known(1)
    if known is not None and known.size == 1:
        return layer.emit("LeakyRelu", layer.names[:1], alpha=float(known.reshape(-1)[0]))
    slope = layer.names[1]
    sizes, rank = layer.sizes(1), layer.rank(0)
    if len(sizes) == 1 and rank > 2 and layer.sizes(0)[1] in (sizes[0], None):  # noqa: PLR2004  # (batch, channels, …)
        slope = layer.unsqueeze(slope, range(1, rank - 1))
    return layer.emit("PRelu", [layer.names[0], slope])


def _is_infinite(layer: Layer) -> str:
    return layer.emit(
        "IsInf",
        layer.names,
        detect_negative=int(layer.attribute("detect_negative", True)),
        detect_positive=int(layer.attribute("detect_positive", True)),
    )


def _is_finite(layer: Layer) -> str:
    beyond = [layer.emit("IsNaN", layer.names), layer.emit("IsInf", layer.names)]
    return layer.emit("Not", [layer.emit("Or", beyond)])


def _convert(layer: Layer) -> str:
    """Convert: constants in few bits that only tables know become float32 at once."""
    name = str(layer.attribute("destination_type"))
    target = computed_dtype(name)
    if target is None:
        raise layer.refuse(f"TensorFlow.js has no numbers of type {name}")
    array = layer.known(0)
    if array is not None and is_float(str(array.dtype)) and is_float(target):
        # Decompressed here, so that what follows sees weights; they are stored as small again.
        return layer.constant(array.astype(target))
    return layer.emit("Cast", layer.names, to=onnx_type(target))


def _convert_like(layer: Layer) -> str:
    return layer.cast(layer.names[0], layer.inputs[1].dtype)


def _promote(layer: Layer) -> list[str]:
    """ConvertPromoteTypes: both inputs in the type that the output has."""
    wanted = [port.dtype for port in layer.outputs]
    return [layer.cast(name, dtype) for name, dtype in zip(layer.names, wanted, strict=True)]


def _select(layer: Layer) -> str:
    return layer.emit("Where", layer.names)


def _shift(direction: str) -> Rule:
    def rule(layer: Layer) -> str:
        return layer.emit("BitShift", layer.names, direction=direction)

    return rule


def _inverse_error(layer: Layer) -> str:
    return layer.emit("ErfInv", layer.names, domain=BEYOND)


def _same_names(ops: Sequence[str]) -> Table:
    return {op: same(op) for op in ops}


RULES: Table = {
    **_same_names(
        (
            "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos",
            "Cosh", "Erf", "Exp", "Floor", "IsNaN", "Log", "Mish", "Relu", "Sigmoid", "Sign",
            "Sin", "Sinh", "Sqrt", "Tan", "Tanh", "Identity",
        )
    ),
    "Add": _two("Add"),
    "BitwiseAnd": _bitwise("And"),
    "BitwiseNot": lambda layer: layer.emit(_of_bits(layer, "Not"), layer.names),
    "BitwiseLeftShift": _shift("LEFT"),
    "BitwiseOr": _bitwise("Or"),
    "BitwiseRightShift": _shift("RIGHT"),
    "BitwiseXor": _bitwise("Xor"),
    "Ceiling": same("Ceil"),
    "Clamp": _clamp,
    "Convert": _convert,
    "ConvertLike": _convert_like,
    "ConvertPromoteTypes": _promote,
    # The CPU rounds quotients of whole numbers towards zero, whatever `m_pythondiv` says.
    "Divide": _two("Div"),
    "Elu": _elu,
    "Equal": _two("Equal"),
    "ErfInv": _inverse_error,
    "FloorMod": _floor_mod,
    "Gelu": _gelu,
    "Greater": _two("Greater"),
    "GreaterEqual": _two("GreaterOrEqual"),
    "HSigmoid": _h_sigmoid,
    "HSwish": same("HardSwish"),
    "HardSigmoid": _hard_sigmoid,
    "IsFinite": _is_finite,
    "IsInf": _is_infinite,
    "Less": _two("Less"),
    "LessEqual": _two("LessOrEqual"),
    "LogicalAnd": _two("And"),
    "LogicalNot": same("Not"),
    "LogicalOr": _two("Or"),
    "LogicalXor": _two("Xor"),
    "Maximum": _two("Max"),
    "Minimum": _two("Min"),
    "Mod": _mod,
    "Multiply": _two("Mul"),
    "Negative": same("Neg"),
    "NotEqual": _not_equal,
    "PRelu": _prelu,
    "Power": _two("Pow"),
    "Round": _round,
    "Select": _select,
    "Selu": _selu,
    "SoftPlus": same("Softplus"),
    "SoftSign": same("Softsign"),
    "SquaredDifference": _squared_difference,
    "Subtract": _two("Sub"),
    "Swish": _swish,
    "Xor": _two("Xor"),
}  # fmt: skip
