"""Lowerings of ops whose result has no elements, where the sizes say so.

TensorFlow.js gives some of them a wrong shape: what `tile` need not repeat it does not change, so
that a scalar stays one element (tfjs-core/src/ops/broadcast_to.ts); the kernel of GatherV2 of the
wasm backend returns the shape that it computes with.
"""

import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering, NotNeeded

Rule = Callable[..., Any]


def _refuse(**_: Any) -> Any:
    raise NotNeeded


def make_empty(op: str, otherwise: Rule = _refuse) -> Rule:
    """Return a rule that fills the shape of a result that has no elements.

    Args:
        op: The op, to find the shape.
        otherwise: The rule for other results.
    """
    raw = getattr(tf.raw_ops, op)
    names = inspect.signature(raw).parameters

    def lower(**given: Any) -> Any:
        made = raw(**{key: value for key, value in given.items() if key in names})
        outputs = list(made) if isinstance(made, list | tuple) else [made]
        if not all(each.shape.is_fully_defined() for each in outputs) or any(
            each.shape.num_elements() for each in outputs
        ):
            return otherwise(**given)
        return [tf.zeros(each.shape, each.dtype) for each in outputs]

    return lower


RULES = {
    op: Lowering(
        lower=make_empty(op),
        becomes="Fill for no elements",
        why="TensorFlow.js gives no elements another shape, or fails",
    )
    for op in ("BroadcastTo", "SelectV2", "TopKV2")
}
