"""The CORS rule for a bucket: told so that it can be pasted, and as the documentation has it."""

import json
import re

import pytest
from paths import ROOT

from pipeline.publish.cors import describe_cors


@pytest.mark.parametrize("target", ["s3://bucket/zoo", "gs://bucket/zoo"])
def test_the_cors_rule_can_be_pasted_and_is_the_documented_one(target: str) -> None:
    text = describe_cors(target)
    rule = re.search(r"^[\[{].*", text, re.DOTALL | re.MULTILINE)
    documented = re.findall(
        r"```json\n(.*?)```", (ROOT / "docs/publishing.md").read_text(), re.DOTALL
    )

    assert "bucket" in text.splitlines()[0]
    assert rule is not None
    assert json.loads(rule[0]) in [json.loads(block) for block in documented]


def test_a_server_is_told_the_header() -> None:
    assert "Access-Control-Allow-Origin: *" in describe_cors(None)
    assert "Access-Control-Allow-Origin: *" in describe_cors("public")
