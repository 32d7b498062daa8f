"""The order of calls in a functional model: what tf_keras would go through for ever."""

from typing import Any

import pytest

from pipeline.errors import FormatError
from pipeline.tf.keras.keras_order import check_order

Json = dict[str, Any]


def layer(name: str, *calls: Any, kind: str = "Dense", **config: Any) -> Json:
    """Return a layer with a node for each call: the names that it waits for."""
    nodes = [[[other, 0, 0, {}] for other in call] for call in calls]
    return {"name": name, "class_name": kind, "config": config, "inbound_nodes": nodes}


IMAGE = layer("image", kind="InputLayer")


@pytest.mark.parametrize(
    "layers",
    [
        pytest.param([IMAGE, layer("a", ["image"]), layer("b", ["a", "image"])], id="a chain"),
        pytest.param([layer("b", ["a"]), layer("a", ["image"]), IMAGE], id="in another order"),
        pytest.param(
            [IMAGE, layer("a", ["image"], ["b"]), layer("b", ["a"])], id="called again later"
        ),
        pytest.param(
            [IMAGE, layer("m", ["image"], layers=[]), {**layer("b"), "inbound_nodes": [
                [["m", 1, 0]]]}],
            id="a model's second call",
        ),
        pytest.param([IMAGE, layer("a", ["nobody"])], id="a name that Keras raises for"),
        pytest.param([IMAGE, {**layer("a"), "inbound_nodes": [[["_CONSTANT_VALUE", -1, 2.0]]]}],
                     id="a constant"),
        pytest.param([None, 3, {"name": []}, {"name": "a", "inbound_nodes": 3}], id="no layers"),
        pytest.param("layers", id="a text"),
    ],
)  # fmt: skip
def test_what_can_be_called_is_taken(layers: Any) -> None:
    check_order(layers)


@pytest.mark.parametrize(
    ("layers", "name"),
    [
        pytest.param([layer("a", ["b"]), layer("b", ["a"])], "a", id="each other"),
        pytest.param([IMAGE, layer("a", ["a"])], "a", id="itself"),
        pytest.param([IMAGE, layer("a"), layer("b", ["a"])], "b", id="one that is never called"),
        pytest.param(
            [IMAGE, layer("a", ["image"]), {**layer("b"), "inbound_nodes": [[["a", 7, 0, {}]]]}],
            "b",
            id="a call that is never made",
        ),
        pytest.param(
            [IMAGE, layer("a", ["image"]), {**layer("b"), "inbound_nodes": [
                [["image", 0, 0, {"y": ["b", 0, 0]}]]]}],
            "b",
            id="in an argument",
        ),
        pytest.param(
            [IMAGE, layer("a", ["image"]), {**layer("b"), "inbound_nodes": [[["a", None, 0, {}]]]}],
            "b",
            id="no number",
        ),
    ],
)  # fmt: skip
def test_what_waits_for_ever_is_told(layers: Any, name: str) -> None:
    with pytest.raises(FormatError, match=f"layer '{name}' waits for a call .* never made"):
        check_order(layers)
