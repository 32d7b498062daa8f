"""Loops of OpenVINO models: what they cut, carry and collect."""

from typing import Any

import numpy as np
import pytest
from openvino import Model, opset1, opset5
from openvino.op import tensor_iterator
from openvino_graphs import Known, make_model, run_both

from pipeline.errors import ConversionError

pytestmark = pytest.mark.tensorflow

_NUMBERS = np.random.default_rng(31)


def draw(*shape: int) -> Any:
    return _NUMBERS.normal(0, 1, shape).astype(np.float32)


def check(build: Any, inputs: Any, shapes: Any = None) -> None:
    model, fed = make_model(build, inputs, shapes=shapes)
    for made, wanted in run_both(model, fed):
        assert made.shape == wanted.shape
        np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)


def parameter(*shape: int, dtype: Any = np.float32) -> Any:
    return opset1.parameter(list(shape), dtype)


def add_up(part: Any, held: Any, scale: Any) -> Model:
    """Return a body: the sum so far, and its product with a value from around the loop."""
    total = opset1.add(part, held)
    results = [opset1.result(each) for each in (total, opset1.multiply(total, scale))]
    return Model(results, [part, held, scale], "body")


@pytest.mark.parametrize("is_open", [False, True], ids=["known sizes", "open sizes"])
@pytest.mark.parametrize(
    ("first", "stride", "last"), [(0, 1, -1), (-1, -1, 0), (0, 2, -1), (-1, -2, 0)]
)
def test_parts_are_cut_and_collected(first: int, stride: int, last: int, is_open: bool) -> None:
    size = abs(stride)

    def build(x: Any, start: Any, scale: Any) -> Any:
        given = [parameter(2, size, 3), parameter(2, size, 3), parameter(1, 1, 3)]
        body = add_up(*given)
        made = tensor_iterator()
        made.set_body(body)
        made.set_sliced_input(given[0], x.output(0), first, stride, size, last, 1)
        made.set_merged_input(given[1], start.output(0), body.get_results()[0].output(0))
        made.set_invariant_input(given[2], scale.output(0))
        outputs = [
            made.get_iter_value(body.get_results()[0].output(0), -1),
            made.get_concatenated_slices(
                body.get_results()[1].output(0), first, stride, size, last, 1
            ),
        ]
        made.constructor_validate_and_infer_types()
        return outputs

    shapes = {0: [2, -1, 3]} if is_open else None
    check(build, [draw(2, 6, 3), draw(2, size, 3), draw(1, 1, 3)], shapes)


@pytest.mark.parametrize("limit", [4, 100])
def test_a_loop_ends_with_its_condition(limit: int) -> None:
    def build(x: Any, most: Any) -> Any:
        number, held = parameter(dtype=np.int64), parameter(1, 3)
        total = opset1.add(opset1.multiply(held, held), opset1.convert(number, "f32"))
        mean = opset1.reduce_max(total, [0, 1])
        goes_on = opset1.less(mean, opset1.constant(np.float32(50)))
        body = Model([opset1.result(each) for each in (total, goes_on)], [number, held], "body")
        made = opset5.loop(most, opset1.constant(np.array(True)))
        made.set_function(body)
        made.set_special_body_ports([0, 1])
        made.set_merged_input(held, x.output(0), body.get_results()[0].output(0))
        after = made.get_iter_value(body.get_results()[0].output(0), -1)
        items = made.get_concatenated_slices(body.get_results()[0].output(0), 0, 1, 1, -1, 0)
        made.constructor_validate_and_infer_types()
        return [after, items]

    check(build, [draw(1, 3), Known(np.int64(limit))])


def test_a_loop_over_a_part_of_an_axis_is_refused() -> None:
    def build(x: Any, start: Any) -> Any:
        given = [parameter(2, 1), parameter(2, 1)]
        total = opset1.add(*given)
        body = Model([opset1.result(total)], given, "body")
        made = tensor_iterator()
        made.set_body(body)
        made.set_sliced_input(given[0], x.output(0), 1, 1, 1, 3, 1)
        made.set_merged_input(given[1], start.output(0), body.get_results()[0].output(0))
        outputs = [made.get_iter_value(body.get_results()[0].output(0), -1)]
        made.constructor_validate_and_infer_types()
        return outputs

    with pytest.raises(ConversionError, match="and not the whole of it"):
        check(build, [draw(2, 6), draw(2, 1)])
