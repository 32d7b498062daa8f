"""The rows of the list, and what it can be narrowed by."""

from typing import Any

import pytest
from loader_zoo import check, tensor
from site_zoo import catalog, entry, figures, tensor_in, variant

from pipeline.site.list_page import AXIS_LEFT, AXIS_RIGHT, ListPage, Row, describe_list
from pipeline.site.listed_model import list_model

MIB = 1024**2


def listing(*entries: dict[str, Any]) -> ListPage:
    """Return the list of some models."""
    return describe_list([list_model(model) for model in catalog(*entries).models])


def row(**others: Any) -> Row:
    """Return the row of a model."""
    return listing(entry(**others)).rows[0]


def test_a_row_says_what_goes_in_and_what_comes_out() -> None:
    made = row(
        task="object-detection",
        inputs=[tensor_in(0, "image", [1, 320, 320, 3])],
        outputs=[tensor(i, name, [1]) for i, name in enumerate("abcdefg")],
        map={"scores": "b:0", "boxes": "a:0"},
    )

    assert made.shown.takes.split("\N{MULTIPLICATION SIGN}") == ["320", "320", "3"]
    assert (made.shown.gives, made.shown.has_roles) == (("boxes", "scores"), True)
    assert made.shown.more == 2


def test_outputs_without_roles_are_named() -> None:
    made = row(outputs=[tensor(0, "contour", [1]), tensor(1, "note", [1])])

    assert (made.shown.gives, made.shown.has_roles, made.shown.more) == (
        ("contour", "note"),
        False,
        0,
    )


@pytest.mark.parametrize(
    ("inputs", "takes"),
    [
        ([tensor_in(0, "t", [-1], dtype="string")], "text"),
        ([tensor_in(0, "n", [1])], "1"),
        ([tensor_in(0, "n", None)], "…"),
        ([tensor_in(i, str(i), [1, 2]) for i in range(2)], "2, 2"),
        ([tensor_in(i, str(i), [1, 2]) for i in range(3)], "3 inputs"),
    ],
)
def test_inputs_are_told_in_a_word(inputs: list[Any], takes: str) -> None:
    assert row(inputs=inputs).shown.takes == takes


def test_all_rows_share_one_axis() -> None:
    made = listing(
        entry("a", variants=[variant(size=MIB)]),
        entry("b", variants=[variant(size=64 * MIB), variant("uint8", 8 * MIB)]),
    )

    assert made.rows[0].dots == [AXIS_LEFT]
    assert made.rows[1].dots == [AXIS_RIGHT, (AXIS_LEFT + AXIS_RIGHT) / 2]
    assert [text for _, text in made.ticks] == ["1 MiB", "4 MiB", "16 MiB", "64 MiB"]
    assert made.ticks[0][0] == AXIS_LEFT


def test_one_size_and_none_at_all_have_an_axis_too() -> None:
    assert listing(entry(variants=[variant(size=1)])).rows[0].dots == [AXIS_LEFT]
    assert listing(entry(variants=[])).rows[0].dots == []
    assert listing().rows == []


def test_only_what_proves_a_published_variant_counts_as_a_backend() -> None:
    good, bad = check(outputs={"y": figures(0.0)}), check("failed")
    made = row(
        variants=[
            variant(checks={"cpu": good, "wasm": bad}),
            variant("uint8", None, checks={"webgl": good}),
        ]
    )

    assert made.shown.backends == ("cpu",)
    assert (made.shown.sizes, made.num_withheld) == ((4096,), 1)


def test_verdicts_are_counted_and_doubted() -> None:
    equal, close = (variant(agreement=word) for word in ("equal", "close"))
    made = listing(
        entry("a", variants=[equal, close], provisional="nobody states the range"),
        entry("b", variants=[equal]),
        entry("c", variants=[], provisional="it failed"),
    )

    assert made.verdicts.describe_variants() == "2 equal, 1 close"
    assert [row.shown.provisional for row in made.rows] == ["nobody states the range", None, None]


def test_facets_count_models() -> None:
    made = listing(
        entry("a", task="regression", tags=["x", "y"], license="MIT"),
        entry("b", task="regression", tags=["x"]),
        entry("c"),
    )

    assert {facet.key: facet.values for facet in made.facets} == {
        "task": {"regression": 2},
        "tag": {"x": 2, "y": 1},
        "license": {"MIT": 1, "unknown": 2},
        "backend": {"wasm": 3},
    }


def test_sizes_that_divide_nothing_are_not_offered() -> None:
    sizes = (MIB // 2, 3 * MIB, 9 * MIB)
    made = listing(*(entry(f"m{size}", variants=[variant(size=size)]) for size in sizes))

    assert [text for _, text in made.size_limits] == [
        "512 KiB",
        "1.0 MiB",
        "2.0 MiB",
        "4.0 MiB",
        "8.0 MiB",
    ]


def test_the_example_is_one_that_can_be_loaded() -> None:
    made = listing(entry("a", variants=[variant("float32", None)]), entry("b"))

    assert made.example is not None
    assert '"b"' in "".join(piece.text for piece in made.example)
    assert listing(entry("a", variants=[])).example is None
