"""Conversion: what the manifest asks for is checked against the format of the files."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import FormatError
from pipeline.formats.convert import check_formats, load_metadata


def parameters(**asked: Any) -> dict[str, Any]:
    """Return what the manifest asks for."""
    return {"output_format": None, "asked": [], **asked}


def test_a_flag_that_does_not_apply_to_the_files_is_refused() -> None:
    check_formats(parameters(asked=["signature_name"]), "tf_saved_model")
    with pytest.raises(FormatError, match="signature_name: applies to"):
        check_formats(parameters(asked=["signature_name"]), "tfjs_graph_model")


def test_an_output_format_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(FormatError, match="tf_saved_model becomes tfjs_graph_model"):
        check_formats(parameters(output_format="tfjs_layers_model"), "tf_saved_model")


def test_a_format_that_is_only_recognized_is_said_so() -> None:
    with pytest.raises(FormatError, match="onnx cannot be converted; expected tf_saved_model"):
        check_formats(parameters(), "onnx")


def test_metadata_stands_in_the_manifest_or_in_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "class names.json").write_text('["cat", "dog"]')
    values = {"labels": "class names.json", "version": {"major": 1}}

    loaded = load_metadata(values, tmp_path)
    assert loaded == {"labels": ["cat", "dog"], "version": {"major": 1}}
    with pytest.raises(FormatError, match=r"metadata\.labels: no\.json: No such file"):
        load_metadata({"labels": "no.json"}, tmp_path)
