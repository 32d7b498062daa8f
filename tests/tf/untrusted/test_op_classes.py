"""The list of op classes, held against the ops of the installed TensorFlow."""

import subprocess
import sys
from collections import Counter

import pytest

from pipeline.tf.untrusted.op_classes import (
    ALLOWED,
    LEFT_OVER,
    REASONS,
    families,
    op_classes,
)

# As a job has it: the tensorflowjs package registers ops of its own.
_LIST = """
import tensorflowjs.converters.converter
from tensorflow.core.framework.op_def_pb2 import OpList
from tensorflow.core.framework.types_pb2 import DT_RESOURCE, DT_VARIANT
from tensorflow.python.client import pywrap_tf_session as session

ops = OpList.FromString(session.TF_GetBuffer(session.TF_GetAllOpList()))
for op in ops.op:
    held = any(arg.is_ref or arg.type in (DT_RESOURCE, DT_VARIANT) for arg in op.input_arg)
    print("op", op.name, int(op.is_stateful or held))
"""


@pytest.fixture(scope="module")
def registered() -> dict[str, bool]:
    """Return whether each op of TensorFlow has state, or takes a handle, by the op's name."""
    command = [sys.executable, "-c", _LIST]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = (line.split() for line in done.stdout.splitlines())
    return {words[1]: words[2] == "1" for words in lines if words[:1] == ["op"]}


@pytest.mark.tensorflow
def test_every_op_has_a_class(registered: dict[str, bool]) -> None:
    assert len(registered) > 1900
    assert sorted(registered.keys() - op_classes().keys()) == []


@pytest.mark.tensorflow
def test_no_op_is_made_up(registered: dict[str, bool]) -> None:
    assert sorted(op_classes().keys() - registered.keys()) == []


@pytest.mark.tensorflow
def test_what_may_be_left_over_is_never_run_by_itself(registered: dict[str, bool]) -> None:
    """TensorFlow runs what has no state while it reads and optimizes a graph.

    What takes a pipeline or a queue needs another op before it, one that has state.
    """
    left_over = {name for name, kind in op_classes().items() if kind in LEFT_OVER}

    assert sorted(name for name in left_over if not registered[name]) == []


def test_each_op_is_listed_once() -> None:
    counts = Counter(name for family in families() for name in family.ops)
    assert [name for name, count in counts.items() if count > 1] == []


def test_what_is_refused_has_a_reason() -> None:
    kinds = set(op_classes().values())

    assert kinds - ALLOWED <= REASONS.keys()
    assert kinds & ALLOWED
