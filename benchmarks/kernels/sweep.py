"""Kernels over integer extremes and odd dtypes: TensorFlow against TensorFlow.js.

    python benchmarks/kernels/sweep.py [OP ...] [--webgl]

Each op of arithmetic, comparison, reduction and movement is one small function for each dtype that
TensorFlow has it for. It goes the way of every graph, and runs on cpu and wasm, with `--webgl` in
headless Chromium as well, on the extremes of the dtype. Integers must be equal, floats as near as
their dtype rounds. README.md has the last result.
"""

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/helpers")]

import ml_dtypes  # noqa: E402  # behind the path
import numpy as np  # noqa: E402  # behind the path
import tensorflow as tf  # noqa: E402  # behind the path
from flows import write_flow  # noqa: E402  # behind the path
from run_cases import load_arrays, read_outputs, run_folders  # noqa: E402  # behind the path
from webgl import run_on_webgl  # noqa: E402  # behind the path

Make = Callable[..., Any]
DTYPES = (
    "int32", "int64", "int8", "int16", "uint8", "uint16", "uint32", "uint64", "float16",
    "bfloat16", "float64", "float32",
)  # fmt: skip
BACKENDS = ("cpu", "wasm")
RAW = tf.raw_ops
_ERROR = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-6, "float64": 2e-6}
_ROOT = 20_000
_GREATEST_HALF = 65_504  # float16 is infinite above, float32 goes on


def _values(dtype: str) -> Any:
    """Return the extremes of a dtype and numbers between, 12 of them."""
    kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    if dtype in _ERROR:
        return np.array([0, 1, -1, 0.5, -2.5, 3.5, 7, -7, 100, -100, 1.25, 2], kind)
    # Of what has more than 32 bits, numbers whose products have no more.
    bounds = np.iinfo(kind)
    is_wide = kind.itemsize > np.dtype(np.int32).itemsize
    high = _ROOT if is_wide else int(bounds.max)
    low = -high if is_wide and bounds.min else int(bounds.min)
    middle = [0, 1, 7, 100, high, high - 1, high // 2 + 1, high // 3]
    below = [-1, -7, low, low + 1] if low else [2, 3, 50, 99]
    return np.array([*middle, *below], np.int64).astype(kind)


_UNARY: Mapping[str, str] = dict.fromkeys(
    ("Abs", "Neg", "OnesLike", "Sign", "Square", "ZerosLike", "Invert", "Round", "Ceil", "Floor",
     "Rint", "Sqrt", "Exp"), "x",
) | dict.fromkeys(("Relu", "Relu6"), "features")  # fmt: skip
_BINARY = (
    "Add", "AddV2", "Sub", "Mul", "Div", "FloorDiv", "TruncateDiv", "RealDiv", "FloorMod", "Mod",
    "TruncateMod", "Maximum", "Minimum", "SquaredDifference", "BitwiseAnd", "BitwiseOr",
    "BitwiseXor", "LeftShift", "RightShift", "DivNoNan", "Less", "LessEqual", "Greater",
    "GreaterEqual", "Equal", "NotEqual", "Pow",
)  # fmt: skip
_DIVIDING = {"Div", "FloorDiv", "TruncateDiv", "FloorMod", "Mod", "TruncateMod", "RealDiv"}
_SHIFTING = {"LeftShift", "RightShift"}
_REDUCING = ("Sum", "Prod", "Max", "Min", "Mean")


def _reduce(op: str) -> Make:
    raw = getattr(RAW, op)
    return lambda x: (raw(input=x, axis=[1]), raw(input=x, axis=[0, 1]))


def _binary(op: str) -> Make:
    raw = getattr(RAW, op)
    return lambda x, y: raw(x=x, y=y)


def _places(x: Any) -> Any:
    """Return 0, 1 and 3 by the values of a matrix."""
    return tf.cast(x > x[0, 1], x.dtype) + 2 * tf.cast(x > x[0, 2], x.dtype)


_OTHERS: Mapping[str, Make] = {
    "AddN": lambda x: RAW.AddN(inputs=[x, x, x]),
    "ArgMax": lambda x: RAW.ArgMax(input=x, dimension=1, output_type=tf.int32),
    "ArgMin": lambda x: RAW.ArgMin(input=x, dimension=1, output_type=tf.int32),
    "BatchMatMulV2": lambda x: RAW.BatchMatMulV2(x=x[None], y=tf.transpose(x)[None]),
    "BiasAdd": lambda x: RAW.BiasAdd(value=x, bias=x[0]),
    "ClipByValue": lambda x: RAW.ClipByValue(
        t=x, clip_value_min=tf.cast(1, x.dtype), clip_value_max=tf.cast(100, x.dtype)
    ),
    "ConcatV2": lambda x: tf.concat([x, x], 1),
    "Cumprod": lambda x: RAW.Cumprod(x=x, axis=1),
    "Cumsum": lambda x: RAW.Cumsum(x=x, axis=1),
    "Einsum": lambda x: RAW.Einsum(inputs=[x, x], equation="ij,kj->ik"),
    "Fill": lambda x: RAW.Fill(dims=[2, 2], value=x[0, 0]),
    "GatherV2": lambda x: tf.gather(x, [2, 0]),
    "MatMul": lambda x: RAW.MatMul(a=x, b=x, transpose_b=True),
    "MirrorPad": lambda x: RAW.MirrorPad(input=x, paddings=[[1, 0], [0, 1]], mode="REFLECT"),
    "OneHot": lambda x: RAW.OneHot(
        indices=[0, 2], depth=3, on_value=x[0, 1], off_value=x[0, 2], axis=-1
    ),
    "Pack": lambda x: tf.stack([x, x]),
    "PadV2": lambda x: RAW.PadV2(input=x, paddings=[[1, 0], [0, 1]], constant_values=x[0, 1]),
    "ReverseV2": lambda x: tf.reverse(x, [1]),
    "ScatterNd": lambda x: RAW.ScatterNd(indices=[[1], [1], [0]], updates=x, shape=[3, 4]),
    "SegmentSum": lambda x: RAW.SegmentSum(data=x, segment_ids=[0, 0, 2]),
    "SegmentMean": lambda x: RAW.SegmentMean(data=x, segment_ids=[0, 0, 2]),
    "SelectV2": lambda x: tf.where(x > x[0, 1], x, x[0, 1]),
    "Slice": lambda x: tf.slice(x, [1, 0], [2, 3]),
    "Split": lambda x: tf.split(x, 2, 1),
    "StridedSlice": lambda x: x[::-2, 1:],
    "TensorScatterAdd": lambda x: RAW.TensorScatterAdd(tensor=x, indices=[[1], [1]], updates=x[:2]),
    "TensorScatterUpdate": lambda x: RAW.TensorScatterUpdate(
        tensor=x, indices=[[1]], updates=x[:1]
    ),
    "Tile": lambda x: tf.tile(x, [1, 2]),
    "TopKV2": lambda x: tuple(RAW.TopKV2(input=x, k=3)),
    "Transpose": tf.transpose,
    "Unique": lambda x: tuple(RAW.Unique(x=tf.reshape(x, [-1]))),
    "UnsortedSegmentSum": lambda x: RAW.UnsortedSegmentSum(
        data=x, segment_ids=[1, 0, 1], num_segments=3
    ),
    "Where": lambda x: RAW.Where(condition=x),
    "Where of rank 5": lambda x: RAW.Where(condition=tf.reshape(x, [1, 2, 3, 2, 1])),
    "DenseBincount": lambda x: RAW.DenseBincount(
        input=_places(x), size=tf.cast(5, x.dtype), weights=tf.constant([], tf.float32)
    ),
    "DenseBincount of bits": lambda x: RAW.DenseBincount(
        input=_places(x),
        size=tf.cast(5, x.dtype),
        weights=tf.constant([], tf.int32),
        binary_output=True,
    ),
}


def list_cases(dtype: str) -> Iterator[tuple[str, Make, tuple[Any, ...]]]:
    """Yield the name of each op, its function, and what it is run on, of one dtype."""
    values = _values(dtype)
    matrix = values.reshape(3, 4)
    for op, name in _UNARY.items():
        if op == "Round" and dtype not in _ERROR:
            continue  # of whole numbers TensorFlow returns others; tf.round does not use it
        raw = getattr(RAW, op)
        yield op, lambda x, raw=raw, name=name: raw(**{name: x}), (values,)
    for op in _BINARY:
        yield op, _binary(op), _choose_pairs(op, values)
    for op in _REDUCING:
        yield op, _reduce(op), (matrix,)
    for op, make in _OTHERS.items():
        yield op, make, (matrix,)
    for target in DTYPES:
        if dtype in _ERROR and target.startswith("u"):
            values = np.abs(values)  # of others the result is not defined
        yield f"Cast to {target}", lambda x, to=target: tf.cast(x, to), (values,)


def _choose_pairs(op: str, values: Any) -> tuple[Any, Any]:
    """Return all pairs of values for which TensorFlow defines the result of an op."""
    x, y = np.repeat(values, len(values)), np.tile(values, len(values))
    if op in _DIVIDING:
        # The least number by -1 has no quotient of its dtype.
        is_defined = (y != 0) & ~((y < 0) & (-y == 1) & (x == x.min()))
        return x[is_defined], y[is_defined]
    if op in _SHIFTING and values.dtype.name not in _ERROR:
        counts = np.array([0, 1, 5, 8 * values.dtype.itemsize - 1], values.dtype)
        return np.repeat(values, 4), np.tile(counts, 12)
    if op == "Pow":
        return np.repeat(values, 4), np.tile(np.array([0, 1, 2, 3], values.dtype), 12)
    return x, y


def _judge(folder: Path, backend: str, error: float) -> str | None:
    """Return what is wrong with a model's outputs; None if nothing is."""
    try:
        made = read_outputs(folder, backend)
    except Exception as failure:  # noqa: BLE001  # of any kind
        return str(failure).splitlines()[0][:90]
    for key, expected in load_arrays(folder / "expected.npz").items():
        found = made[key]
        if found.shape != expected.shape or found.dtype != expected.dtype:
            return f"{found.dtype} {found.shape} for {expected.dtype} {expected.shape}"
        if expected.dtype.kind == "f":
            scale = max(float(np.max(np.abs(expected[np.isfinite(expected)]), initial=0)), 1e-30)
            near = np.isclose(found, expected, rtol=error, atol=error * scale, equal_nan=True)
            near |= np.isinf(expected) & (np.abs(found) > _GREATEST_HALF)
        else:
            near = np.atleast_1d(found == expected)
        if not near.all():
            wrong = np.flatnonzero(~near)[0]
            return (
                f"{found.flat[wrong]} for {expected.flat[wrong]} ({(~near).sum()} of {near.size})"
            )
    return None


def sweep(folder: Path, wanted: Mapping[str, bool], backends: Sequence[str]) -> Counter[str]:
    """Run all ops, print what differs, and return how many of each verdict there are."""
    verdicts: Counter[str] = Counter()
    written: dict[Path, tuple[str, str]] = {}
    for dtype in DTYPES:
        for op, make, given in list_cases(dtype):
            if wanted and op not in wanted:
                continue
            place = folder / f"{op} of {dtype}"
            try:
                tf.function(make).get_concrete_function(*map(tf.constant, given))
                make(*map(tf.constant, given))
            except Exception:  # noqa: BLE001  # TensorFlow has it not for this dtype
                verdicts["not in TensorFlow"] += 1
                continue
            try:
                write_flow((make, given), place, v2=False, after=True, skip_op_check=False)
                written[place] = (op, dtype)
            except Exception as refusal:  # noqa: BLE001  # of any kind
                verdicts["refused"] += 1
                print(f"refused  {op} of {dtype}: {str(refusal)[:150]}")
    run_folders(written, BACKENDS)
    if backends != BACKENDS:
        run_on_webgl(written)
    for place, (op, dtype) in written.items():
        target = op.removeprefix("Cast to ")
        error = max(_ERROR.get(dtype, 0), _ERROR.get(target, 0)) or 1e-6
        wrong = {each: found for each in backends if (found := _judge(place, each, error))}
        verdicts["wrong" if wrong else "right"] += 1
        if wrong:
            told = "; ".join(f"{backend}: {found}" for backend, found in wrong.items())
            print(f"wrong    {op} of {dtype}: {told}")
    return verdicts


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        ops = [one for one in sys.argv[1:] if one != "--webgl"]
        tried = BACKENDS if len(ops) == len(sys.argv) - 1 else (*BACKENDS, "webgl")
        print(dict(sweep(Path(temporary), dict.fromkeys(ops, True), tried)))
