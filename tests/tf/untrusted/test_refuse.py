"""Graphs that try to touch the machine, each refused with one sentence before it is run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile_graphs
import pytest

from pipeline.errors import FormatError, PipelineError, UntrustedSourceError
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Convert = Callable[..., Conversion]

# Where a graph does not tell by itself.
_OUTPUTS = {"read_on_import.pb": ("reshaped",), "constant_is_a_handle.pb": ("y",)}
_FILL = "InitializeTableFromTextFileV2 (of a file that is no asset)"


@pytest.fixture
def convert(pool: TensorFlowPool, tmp_path: Path) -> Convert:
    def convert_now(name: str, **flags: Any) -> Conversion:
        source = hostile_graphs.built() / name
        function = (
            "pipeline.tf.frozen.convert_frozen_model:convert_frozen_model"
            if source.suffix
            else "pipeline.tf.saved_model.convert_saved_model:convert_saved_model"
        )
        arguments = {"source": source, "folder": tmp_path, "flags": ConversionFlags(**flags)}
        future = pool.submit(function, arguments, log=tmp_path / "log.txt")
        return Conversion.model_validate(future.result().value)

    return convert_now


@pytest.mark.parametrize(
    ("model", "found"),
    [
        pytest.param("hidden_read", "DatasetFromGraph (programs in a text)", id="a graph in text"),
        pytest.param("pipeline", "RangeDataset (data pipelines)", id="a pipeline that runs"),
        pytest.param("queue", "FIFOQueueV2 (data pipelines)", id="a queue that runs"),
        pytest.param("ops", "Abort (this process)", id="the end of the process"),
        pytest.param("ops", "ImmutableConst (files)", id="a file in an attribute"),
        pytest.param("ops", "Empty (memory that nobody wrote)", id="memory"),
        pytest.param("ops", "NcclAllReduce (other machines)", id="the network"),
        pytest.param(
            "ops", "FixedUnigramCandidateSampler (of a file of words)", id="a file, perhaps"
        ),
        pytest.param("ops", "DecodeProtoV2 (with a descriptor file)", id="a descriptor"),
        pytest.param("ops", "ParseTensor (of a handle)", id="a handle out of bytes"),
        pytest.param("constant_is_a_handle.pb", "Const (of a handle)", id="a constant handle"),
        pytest.param("read_on_import.pb", "ReadFile (files)", id="what reading a graph runs"),
        pytest.param(
            "branch_is_an_op.pb", "ReadFile (called as if it were a function)", id="a branch"
        ),
        pytest.param(
            "attribute_of_the_call.pb", "PrintV2 (into a file)", id="an attribute of the call"
        ),
        pytest.param("type_of_the_call.pb", "ParseTensor (of a handle)", id="a type of the call"),
        pytest.param(
            "function_is_an_op.pb", "PrintV2 (into a file)", id="a function called by its name"
        ),
        pytest.param("table_of_text", _FILL, id="a computed path"),
        pytest.param("table_in_signature", _FILL, id="an asset that is not given"),
        pytest.param("asset_listed_elsewhere", _FILL, id="an asset in the other list"),
        pytest.param("asset_with_an_alias", _FILL, id="a variable of two names"),
        pytest.param("asset_bound_wrongly", _FILL, id="an argument of the caller"),
        pytest.param("asset_bound_to_nobody", _FILL, id="an object that is not there"),
        pytest.param("asset_listed_twice", "an asset outside the model's folder", id="outside"),
        pytest.param(
            "another_checkpoint", "RestoreV2 (of another checkpoint)", id="another checkpoint"
        ),
        pytest.param("checkpoint_to_choose", "RestoreV2 (checkpoints)", id="an implementation"),
    ],
)
def test_a_hiding_place_is_found(convert: Convert, model: str, found: str) -> None:
    with pytest.raises(UntrustedSourceError) as caught:
        convert(model, output_node_names=_OUTPUTS.get(model))

    what, _, listed = caught.value.message.partition(": ")
    assert what == "the graph holds ops that may touch this machine"
    assert found in listed.split(", ")
    assert "set `trust: true` for this model if you know who made it" in str(caught.value.hint)


def test_what_a_hidden_graph_would_write_is_not_written(convert: Convert) -> None:
    with pytest.raises(UntrustedSourceError, match="DatasetFromGraph"):
        convert("hidden_write")

    assert not (hostile_graphs.built() / "written").exists()


def test_a_graph_is_not_read_to_describe_its_outputs(convert: Convert) -> None:
    """Its shape is in a file, which TensorFlow reads while it imports the graph."""
    with pytest.raises(PipelineError, match="may have 2 outputs") as caught:
        convert("read_on_import.pb")

    assert "reshaped: Reshape\n" in caught.value.message


def test_a_pipeline_comes_with_advice(convert: Convert) -> None:
    with pytest.raises(UntrustedSourceError) as caught:
        convert("pipeline")

    assert "RangeDataset, ReduceDataset: a tf.data pipeline is part" in str(caught.value.hint)


def test_tags_say_which_graph_is_meant(convert: Convert) -> None:
    with pytest.raises(FormatError, match="holds 2 graphs with the tags 'serve'"):
        convert("same_tags")


@pytest.mark.parametrize("model", ["asset", "table_of_asset", "left_over", "v1"])
def test_what_touches_nothing_is_converted(convert: Convert, model: str) -> None:
    assert convert(model).outputs


def test_another_machine_is_forgotten(convert: Convert) -> None:
    record = convert("on_another_machine.pb")

    assert record.repairs == ["nodes that were placed on other machines (ps) run on this one"]
