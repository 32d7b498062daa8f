"""Conversion: what the manifest asks for is checked against the format of the files."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import FormatError, UntrustedSourceError
from pipeline.manifest.model import Model
from pipeline.steps.convert import (
    ConvertParameters,
    choose_output,
    load_metadata,
    parameters,
    read_conversion,
)


def asked(**fields: Any) -> ConvertParameters:
    """Return what a model with these fields asks for."""
    return parameters(Model.model_validate({"name": "m", "source": "m", **fields}))


def test_the_output_is_as_asked_or_as_the_format_says() -> None:
    graph, layers = "tfjs_graph_model", "tfjs_layers_model"

    assert choose_output(asked(output_format=graph), "keras") == graph
    assert choose_output(asked(), "keras") == layers
    assert choose_output(asked(), "keras_keras") == graph


def test_a_flag_that_does_not_apply_to_the_files_is_refused() -> None:
    choose_output(asked(signature_name="predict"), "tf_saved_model")
    with pytest.raises(FormatError, match="signature_name: applies to"):
        choose_output(asked(signature_name="predict"), "tfjs_graph_model")


def test_an_output_format_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(FormatError, match="tf_saved_model becomes tfjs_graph_model, not tfjs_lay"):
        choose_output(asked(output_format="tfjs_layers_model"), "tf_saved_model")


def test_metadata_stands_in_the_manifest_or_in_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "class names.json").write_text('["cat", "dog"]')
    values = {"labels": "class names.json", "version": {"major": 1}}

    loaded = load_metadata(values, tmp_path)
    assert loaded == {"labels": ["cat", "dog"], "version": {"major": 1}}
    with pytest.raises(FormatError, match=r"metadata\.labels: no\.json: No such file"):
        load_metadata({"labels": "no.json"}, tmp_path)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (None, "found None; expected a valid dictionary"),
        ({"tags": "serve"}, "tags: found 'serve'; expected a valid list"),
        ({"outputs": [{"name": "scores"}]}, r"outputs\[0\]\.tensor: is missing"),
        ({"mine": 1}, "mine: is not known"),
    ],
)
def test_an_odd_answer_of_a_child_process_is_refused(answer: Any, fault: str) -> None:
    with pytest.raises(UntrustedSourceError, match=f"gave an odd answer: {fault}"):
        read_conversion(answer)
