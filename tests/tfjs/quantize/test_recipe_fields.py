"""Recipe fields: what is printed for models.yaml is the same mix."""

import random
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import node, placeholder, tensor_info, write_graph_model

from pipeline.tfjs.model.model_json import ModelJson
from pipeline.tfjs.quantize.choice import KEPT, Request, choose_forms, possible_forms
from pipeline.tfjs.quantize.forms import AS_IN_BASE, Form
from pipeline.tfjs.quantize.recipe_fields import format_recipe, join_names
from pipeline.tfjs.quantize.variant_files import open_base

HALF, BYTE = Form(dtype="float16"), Form(dtype="uint8")
CHANNELS = Form(dtype="uint8", channels=(1,))
NAMES = [
    *(f"block_{i}/conv/kernel" for i in range(6)),
    *(f"block_{i}/conv/bias" for i in range(6)),
    "top/kernel", "top[0]/kernel", "top?",
]  # fmt: skip


def test_a_pattern_stands_for_names_that_share_a_part() -> None:
    kernels = [name for name in NAMES if name.startswith("block") and name.endswith("kernel")]

    assert list(join_names(kernels, NAMES)) == ["*/conv/kernel"]
    assert list(join_names(NAMES, NAMES)) == ["*"]
    assert list(join_names(["top[0]/kernel", "top?"], NAMES)) == ["top[?]", "top[[]0]/kernel"]


def test_patterns_match_the_wanted_names_and_no_others() -> None:
    drawing = random.Random(3)
    for _ in range(50):
        wanted = set(drawing.sample(NAMES, drawing.randrange(1, len(NAMES))))
        patterns = list(join_names(wanted, NAMES))

        assert {name for name in NAMES if any(fnmatchcase(name, one) for one in patterns)} == wanted
        assert len(patterns) <= len(wanted)


@pytest.mark.parametrize(
    ("forms", "fields"),
    [
        pytest.param(
            {"a/kernel": BYTE, "b/kernel": BYTE, "bias": HALF},
            {"quantize_float16": ["bias"], "quantize_uint8": True},
            id="the most frequent is the rest",
        ),
        pytest.param(
            {"a/kernel": BYTE, "b/kernel": BYTE},
            {"quantize_uint8": True, "keep": ["bias"]},
            id="some stay",
        ),
        pytest.param({"bias": HALF}, {"quantize_float16": ["bias"]}, id="most stay"),
        pytest.param(
            {"a/kernel": CHANNELS, "b/kernel": BYTE, "bias": HALF},
            {
                "quantize_float16": True,
                "quantize_uint8": ["*/kernel"],
                "per_channel": ["a/kernel"],
            },
            id="beside channels uint8 is listed",
        ),
        pytest.param(
            {"a/kernel": Form(dtype="uint8", channels=(1,), block=16, bits=4), "b/kernel": BYTE},
            {
                "quantize_uint8": ["*/kernel"],
                "block": {"size": 32, "weights": ["a/kernel"]},
                "four_bits": ["a/kernel"],
            },
            id="blocks of 4 bits",
        ),
    ],
)
def test_fields(forms: dict[str, Form], fields: dict[str, Any]) -> None:
    assert format_recipe(forms, ["a/kernel", "b/kernel", "bias"], block=32) == fields


def request(fields: dict[str, Any]) -> Request:
    """Return the request of fields, as the manifest makes it of them."""

    def listed(value: Any) -> Sequence[str]:
        return ["*"] if value is True else value

    words = {"quantize_float16": "float16", "quantize_uint16": "uint16", "keep": KEPT}
    words["quantize_uint8"] = "uint8"
    blocks = fields.get("block", {"size": None, "weights": ()})
    return Request(
        quantize={word: listed(fields[key]) for key, word in words.items() if key in fields},
        per_channel=listed(fields.get("per_channel", ())),
        block=blocks["size"],
        block_weights=listed(blocks["weights"]),
        four_bits=listed(fields.get("four_bits", ())),
    )


@pytest.fixture
def base(tmp_path: Path) -> ModelJson:
    """Return a base of four dense layers whose weights have all forms."""
    weights, nodes, last = {}, [placeholder("x", (-1, 256))], "x"
    for i in range(4):
        weights[f"layer_{i}/kernel"] = np.full((256, 256), 0.1 * i + 0.1, np.float32)
        weights[f"layer_{i}/bias"] = np.full((256,), 0.5, np.float32)
        nodes += [
            node(f"m{i}", "MatMul", [last, f"layer_{i}/kernel"], transpose_a=False,
                 transpose_b=False),
            node(f"a{i}", "BiasAdd", [f"m{i}", f"layer_{i}/bias"]),
        ]  # fmt: skip
        last = f"a{i}"
    signature = {
        "inputs": {"x": tensor_info("x:0", (-1, 256))},
        "outputs": {"y": tensor_info(f"{last}:0", (-1, 256))},
    }
    path = write_graph_model(tmp_path, nodes=nodes, weights=weights, signature=signature)
    return open_base(path.parent, None)


def test_the_manifest_reads_the_same_mix_from_them(base: ModelJson) -> None:
    possible = possible_forms(base)
    drawing = random.Random(1)
    assert max(map(len, possible.values())) == 8
    for _ in range(100):
        mix = {name: drawing.choice(forms) for name, forms in possible.items()}
        mix = {name: form for name, form in mix.items() if form != AS_IN_BASE}
        fields = format_recipe(mix, list(possible), block=32)

        assert choose_forms(base, request(fields)) == mix if mix else fields == {}
