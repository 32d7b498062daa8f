"""Branches, loops and sequences of ONNX files, against ONNX Runtime."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import parser
from onnx_and_runtime import run_in_child, run_in_runtime

from pipeline.errors import ConversionError

pytestmark = pytest.mark.tensorflow

X = np.random.default_rng(2).normal(size=(6, 4)).astype(np.float32)


def parse(text: str, opset: int = 17) -> onnx.ModelProto:
    model: onnx.ModelProto = parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : {opset}]> {text}'
    )
    return model


def compare(text: str, **inputs: Any) -> None:
    model = parse(text)
    arrays = {name: np.asarray(value) for name, value in inputs.items()}
    expected = run_in_runtime(model, arrays)
    for made, wanted in zip(run_in_child(model, arrays), expected, strict=True):
        np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-6)


BRANCHES = """main (float[N,4] x, bool c) => (float y) {
  t = Transpose(x)
  a = If(c) <
    then_branch = g () => (float[4,N] q) { q = Abs(t) },
    else_branch = h () => (float[4,N] q) { s = Constant<value_ints = [4, -1]>()
      q = Reshape(x, s) }
  >
  y = MatMul(x, a)
}"""


@pytest.mark.parametrize("condition", [True, False])
def test_branches_read_values_around_them_in_any_order_of_axes(condition: bool) -> None:
    compare(BRANCHES, x=X, c=condition)


@pytest.mark.parametrize("condition", [True, False])
def test_branches_may_return_different_sizes(condition: bool) -> None:
    compare(
        """main (float[N,4] x, bool c) => (float y, int64 n) {
          y = If(c) <
            then_branch = g () => (float q) { q = Concat<axis=0>(x, x) },
            else_branch = h () => (float q) { q = Neg(x) }
          >
          n = Shape(y)
        }""",
        x=X,
        c=condition,
    )


def test_a_known_condition_builds_its_branch_alone() -> None:
    """The other branch has another number of axes."""
    compare(
        """main (float[N,4] x) => (float y) {
          n = Shape<start = 1>(x)
          k = Constant<value_ints = [4]>()
          c = Equal(n, k)
          y = If(c) <
            then_branch = g () => (float q) { q = Neg(x) },
            else_branch = h () => (float q) { q = ReduceSum<keepdims = 0>(x) }
          >
        }""",
        x=X,
    )


def test_branches_of_unequal_numbers_of_axes_are_refused() -> None:
    model = parse(
        """main (float[N,4] x, bool c) => (float y) {
          y = If(c) <
            then_branch = g () => (float q) { q = Neg(x) },
            else_branch = h () => (float q) { q = ReduceSum<keepdims = 0>(x) }
          >
        }"""
    )

    with pytest.raises(ConversionError, match="return 2 and 0 axes"):
        run_in_child(model, {"x": X, "c": np.array(True)})


LOOP = """main (int64 m, bool c, float[N,4] x) => (float y, float s) {
  y, s = Loop(m, c, x) <body = b (int64 i, bool ci, float[N,4] a) =>
    (bool co, float[N,4] d, float[N,4] z) {
      f = Cast<to = 1>(i)
      d = Add(a, f)
      z = Mul(d, x)
      w = ReduceMax<keepdims = 0>(d)
      l = Constant<value_float = 12.0>()
      co = Less(w, l)
  }>
}"""


@pytest.mark.parametrize("count", [1, 3, 50])
def test_a_loop_ends_at_its_count_or_condition(count: int) -> None:
    compare(LOOP, m=count, c=True, x=X)


def test_a_value_of_a_loop_may_grow() -> None:
    model = parse(
        """main (int64 m, float[6,4] x) => (float y, int64 n) {
          c = Constant<value = bool {1}>()
          y = Loop(m, c, x) <body = b (int64 i, bool ci, float[M,4] a) => (bool co, float[P,4] d) {
            d = Concat<axis = 0>(a, x)
            co = Identity(ci)
          }>
          n = Shape(y)
        }"""
    )
    inputs = {"m": np.array(2), "x": X}

    made = run_in_child(model, inputs)

    np.testing.assert_array_equal(made[0], np.concatenate([X, X, X]))
    np.testing.assert_array_equal(made[1], [18, 4])


def test_a_loop_takes_rows_of_a_value_around_it() -> None:
    compare(
        """main (float[N,4] x) => (float y, float s) {
          t = Transpose(x)
          n = Shape<start = 0, end = 1>(x)
          m = Squeeze(n)
          c = Constant<value = bool {1}>()
          z = Constant<value_floats = [0.0, 0.0, 0.0, 0.0]>()
          y, s = Loop(m, c, z) <body = b (int64 i, bool ci, float[4] a) =>
            (bool co, float[4] d, float[4] e) {
              e = Gather<axis = 1>(t, i)
              d = Add(a, e)
              co = Identity(ci)
          }>
        }""",
        x=X,
    )


@pytest.mark.parametrize("size", ["N", "6"])
@pytest.mark.parametrize("directions", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_scan_takes_and_makes_items_in_both_directions(
    size: str, directions: tuple[int, int]
) -> None:
    taken, made = directions
    compare(
        f"""main (float[4] a, float[4,{size}] x) => (float b, float y) {{
          b, y = Scan<
            num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [-1],
            scan_input_directions = [{taken}], scan_output_directions = [{made}],
            body = g (float[4] s, float[4] v) => (float[4] o, float[4] w) {{
              o = Add(s, v)
              w = Mul(o, v)
            }}
          >(a, x)
        }}""",
        a=X[0],
        x=np.ascontiguousarray(X.T),
    )


def test_sequences_leave_no_trace() -> None:
    compare(
        """main (float[N,4] x) => (float y, int64 n) {
          s = SequenceEmpty<dtype = 1>()
          m = Constant<value_int = 3>()
          c = Constant<value = bool {1}>()
          r = Loop(m, c, s) <body = b (int64 i, bool ci, seq(float[N,4]) p) =>
            (bool co, seq(float[N,4]) q) {
              f = Cast<to = 1>(i)
              a = Add(x, f)
              q = SequenceInsert(p, a)
              co = Identity(ci)
          }>
          k = Constant<value_int = -1>()
          e = SequenceErase(r, k)
          y = ConcatFromSequence<axis = 0, new_axis = 1>(e)
          n = SequenceLength(e)
        }""",
        x=X,
    )


def test_a_sequence_of_unknown_length_is_refused() -> None:
    model = parse(
        """main (float[N,4] x, int64 m) => (float y) {
          s = SequenceEmpty<dtype = 1>()
          c = Constant<value = bool {1}>()
          r = Loop(m, c, s) <body = b (int64 i, bool ci, seq(float[N,4]) p) =>
            (bool co, seq(float[N,4]) q) {
              q = SequenceInsert(p, x)
              co = Identity(ci)
          }>
          y = ConcatFromSequence<axis = 0>(r)
        }"""
    )

    with pytest.raises(ConversionError, match="it carries sequences"):
        run_in_child(model, {"x": X, "m": np.array(2)})
