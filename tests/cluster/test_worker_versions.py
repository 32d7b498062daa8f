"""Versions that a worker must share with the machine of the run."""

import pytest

pytest.importorskip("distributed")

from pipeline.cluster.worker_versions import describe_differences, digest_code, own_versions


def test_each_difference_is_named() -> None:
    ours = {"Python": "3.11", "numpy": "2.1.3", "openvino": None, "keras": "3.15.1"}
    theirs = {"Python": "3.11", "numpy": "2.1.2", "openvino": "2026.4.1"}

    assert describe_differences(ours, theirs) == [
        "numpy is 2.1.2, not 2.1.3",
        "openvino is 2026.4.1, not left out",
        "keras is not installed, not 3.15.1",
    ]


def test_equal_machines_differ_in_nothing() -> None:
    tools = {"numpy", "browser", "tfjs"}

    assert describe_differences(own_versions(tools), own_versions(tools)) == []
    assert "browser" not in own_versions(tools)
    assert digest_code() in str(own_versions(tools)["tfjs-zoo"])
