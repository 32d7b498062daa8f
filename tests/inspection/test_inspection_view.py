"""What people see of a model, on narrow and wide terminals and in pipes."""

from pathlib import Path

import pytest
from graph_models import constant, dense_signature, dense_weights, node, write_graph_model

from pipeline.inspection.inspect import inspect_subject
from pipeline.inspection.inspection_view import format_failure, format_model
from pipeline.inspection.subject import Subject
from pipeline.text.line import plain_text


def view(path: Path, width: int | None) -> str:
    model = inspect_subject(Subject(path=path), shapes={}, announce=pytest.fail)
    return plain_text(format_model("model.json", model, width=width))


def test_a_model_as_a_whole(tmp_path: Path) -> None:
    assert (
        view(write_graph_model(tmp_path, stored={"kernel": "uint8"}), 80).replace("1.5 KiB", "SIZE")
        == """\
model.json
               TensorFlow.js graph model, 2 KiB, by TensorFlow 2.19.0,
               TensorFlow.js Converter v4.22.0

inputs         0  x  float32  [?, 8]
outputs        0  Identity    float32  [?, 4]
               1  Identity_1  float32  [?, 4]
unknown        nobody states the range of x; verdicts are provisional until
               models.yaml does
to state       inputs: {x: {range: [0, 1]}}
               with the range that its authors feed, such as [-1, 1] or [0,
               255]; or mean and std

parameters     36
weights        2: 32 B of uint8 (1), 16 B of float32 (1)
               144 B once TensorFlow.js has loaded them
quantized      1 to uint8
largest        kernel  [8, 4]  uint8    32 B
               bias    [4]     float32  16 B
multiply-adds  32 in 1 op
               taking x [1, 8]
ops            6 of 5 kinds: Identity 2, BiasAdd 1, MatMul 1, Placeholder 1,
               Sigmoid 1
call           execute() or predict()
warning        names of outputs were lost in conversion: Identity, Identity_1
"""
    )


def test_no_row_is_wider_than_the_terminal_and_no_name_is_cut_in_a_pipe(tmp_path: Path) -> None:
    name = "StatefulPartitionedCall/" * 6 + "MatMul/ReadVariableOp"
    nodes = [
        node("x", "Placeholder", []),
        node("Identity", "MatMul", ["x", name]),
        node("Identity_1", "Identity", ["Identity"]),
    ]
    path = write_graph_model(
        tmp_path,
        weights={name: dense_weights()["kernel"]},
        nodes=nodes,
        signature=dense_signature(),
    )
    assert constant(name, dense_weights()["kernel"])["name"] == name

    for width in (60, 80, 120):
        assert max(map(len, view(path, width).splitlines())) <= width
    assert name in view(path, None)


def test_why_a_subject_cannot_be_read() -> None:
    lines = format_failure("a/\x1b[31mb", "no such file", "look elsewhere", 80)

    assert plain_text(lines) == (
        "a/b\nnot read       no such file\n               look elsewhere\n"
    )


def test_a_model_without_weights_lists_none(tmp_path: Path) -> None:
    nodes = [node("x", "Placeholder", []), node("y", "Identity", ["x"])]
    signature = {"inputs": {"x": {"name": "x:0"}}, "outputs": {"y": {"name": "y:0"}}}
    path = write_graph_model(tmp_path, nodes=nodes, signature=signature, weights={})

    assert "weights        0\n" in view(path, None)
