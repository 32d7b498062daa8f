"""The table of models, as whole texts."""

from typing import Any

import pytest

from pipeline.catalog.completion import parse_model
from pipeline.catalog.model_table import format_models_table
from pipeline.catalog.types import CatalogModel
from pipeline.errors import FormatError
from pipeline.text.line import count_cells, plain_text


def variant(name: str, num_bytes: int | None = None, **fields: Any) -> dict[str, Any]:
    return {"name": name, "status": "ok", "bytes": num_bytes} | fields


def card(name: str, *variants: dict[str, Any], **fields: Any) -> CatalogModel:
    facts = {"status": "ok", "task": "object-detection", "parameters": 3_412_345}
    wire = {"name": name, "variants": list(variants)} | facts | fields
    return parse_model(wire, name, error=FormatError)


def smaller(name: str) -> dict[str, Any]:
    return variant(name, status="skipped", reason="would not be smaller than the base")


CARDS = [
    card(
        "basic-pitch",
        variant("float32", 240_000),
        variant("float16", 130_000),
        variant("uint8", status="withheld", reason="note: relative error 0.21 > 0.01\nmore"),
        task="audio-transcription",
        parameters=56_517,
    ),
    card("corrupt", status="failed", task=None, parameters=None),
    card(
        "handtrack",
        variant("original", 3_571_428),
        smaller("float16"),
        smaller("uint8"),
        variant("small", 900_000),
        status="stale",
        reason="no signature; the build of 2026-01-31 is offered",
    ),
    card("movenet-singlepose-lightning", variant("original", 4_700_000), smaller("float16")),
    card("movenet-singlepose-thunder", variant("original", 12_700_000), smaller("float16")),
]

WITHOUT_END = """\
model                         status  task                 parameters       base       float16     uint8         small
basic-pitch                   ok      audio-transcription      56.5 k   234 KiB   127 KiB  54%  withheld
corrupt                       failed  –                             –         –
handtrack                     stale   object-detection         3.41 M   3.4 MiB*       skipped   skipped  879 KiB  25%
movenet-singlepose-lightning  ok      object-detection         3.41 M   4.5 MiB*       skipped
movenet-singlepose-thunder    ok      object-detection         3.41 M  12.1 MiB*       skipped
* the source is quantized already: its weights as they are
withheld: note: relative error 0.21 > 0.01 (basic-pitch uint8)
skipped: would not be smaller than the base (handtrack float16, handtrack uint8, movenet-singlepose-lightning float16 and 1 more)
stale: no signature; the build of 2026-01-31 is offered (handtrack)
"""  # noqa: E501  # as a wide terminal shows it

COLUMNS_80 = """\
model             status       base       float16     uint8         small
basic-pitch       ok       234 KiB   127 KiB  54%  withheld
corrupt           failed         –
handtrack         stale    3.4 MiB*       skipped   skipped  879 KiB  25%
movenet-…ghtning  ok       4.5 MiB*       skipped
movenet-…thunder  ok      12.1 MiB*       skipped
* the source is quantized already: its weights as they are
withheld: note: relative error 0.21 > 0.01 (basic-pitch uint8)
skipped: would not be smaller than the base (handtrack float16, handtrack uint8,
movenet-singlepose-lightning float16 and 1 more)
stale: no signature; the build of 2026-01-31 is offered (handtrack)
"""

COLUMNS_60 = """\
basic-pitch  ok  audio-transcription, 56.5 k parameters
    float32 234 KiB  float16 127 KiB 54%  uint8 withheld
corrupt  failed
handtrack  stale  object-detection, 3.41 M parameters
    original 3.4 MiB  float16 skipped  uint8 skipped
    small 879 KiB 25%
movenet-singlepose-lightning  ok  object-detection, 3.41 M …
    original 4.5 MiB  float16 skipped
movenet-singlepose-thunder  ok  object-detection, 3.41 M pa…
    original 12.1 MiB  float16 skipped
* the source is quantized already: its weights as they are
withheld: note: relative error 0.21 > 0.01 (basic-pitch
uint8)
skipped: would not be smaller than the base (handtrack
float16, handtrack uint8, movenet-singlepose-lightning
float16 and 1 more)
stale: no signature; the build of 2026-01-31 is offered
(handtrack)
"""


def text(width: int | None, *cards: CatalogModel) -> str:
    return plain_text(format_models_table(cards or CARDS, width=width))


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        pytest.param(None, WITHOUT_END, id="rows without end"),
        pytest.param(80, COLUMNS_80, id="80 columns"),
        pytest.param(60, COLUMNS_60, id="60 columns"),
    ],
)
def test_table(width: int | None, expected: str) -> None:
    assert text(width) == expected


@pytest.mark.parametrize("width", [50, 60, 72, 80, 90, 100, 120, 160])
def test_no_row_is_wider_than_the_terminal(width: int) -> None:
    rows = text(width).splitlines()

    assert max(map(len, rows)) <= width


def test_a_very_long_name_stays_apart_from_its_like() -> None:
    names = [f"{'very-' * 20}long-{end}" for end in ("left", "right")]
    rows = text(80, *(card(name, variant("float32", 9_000_000)) for name in names)).splitlines()

    assert max(map(len, rows)) <= 80
    assert rows[1] != rows[2]


def test_wide_characters_keep_the_columns_apart() -> None:
    cards = [card("gear", variant("float32", 2048), task=task) for task in ("物体検出", "pose")]
    rows = text(None, *cards).splitlines()

    assert [count_cells(row[: row.index("3.41")]) for row in rows[1:]] == [29, 29]


def test_a_very_long_name_does_not_drive_out_the_columns() -> None:
    assert "task" in text(None, card("very-long-" * 12, variant("float32", 2048)))


def test_without_a_quantized_source_there_is_no_star() -> None:
    assert text(None, card("a", variant("float32", 2048), variant("float16", 1024))) == (
        "model  status  task              parameters   base     float16\n"
        "a      ok      object-detection      3.41 M  2 KiB  1 KiB  50%\n"
    )


def test_a_variant_whose_base_is_not_published_has_no_ratio() -> None:
    assert "1 KiB\n" in text(None, card("a", variant("float16", 1024)))


def test_no_models_no_table() -> None:
    assert format_models_table([]) == []


def test_failures_are_marked_for_terminals() -> None:
    lines = format_models_table(CARDS)
    styles = {text.strip(): style for line in lines for text, style in line}

    assert (styles["failed"], styles["withheld"], styles["stale"]) == ("bad", "warn", "warn")


def check(status: str = "ok", **fields: Any) -> dict[str, Any]:
    return {"status": status} | fields


def test_a_long_reason_loses_whole_faults_and_no_figure() -> None:
    fault = f"{'far ' * 60}off; expected at most 1 %"
    reason = f"Identity: {fault}; Identity_1: {fault}"
    rows = text(None, card("a", variant("uint8", status="withheld", reason=reason)))

    assert rows.endswith("off; expected at most 1 %; … (a uint8)\n")
    assert "Identity_1" not in rows


def test_a_reason_of_two_lines_of_a_terminal_stays_whole() -> None:
    reason = f"Identity: {'far off, ' * 20}expected at most 1 %"

    assert reason in text(None, card("a", variant("uint8", status="withheld", reason=reason)))


def test_models_proved_on_fewer_backends_are_told_together() -> None:
    checks = {"cpu": check(), "wasm": check("unsupported", missingOps=["Einsum"])}
    cards = [card(name, variant("float32", 2048, checks=checks)) for name in ("attn", "other")]

    assert text(None, *cards).endswith("proved on cpu only: wasm lacks Einsum (attn, other)\n")


def test_a_backend_that_was_not_tried_limits_nothing() -> None:
    checks = {"wasm": check(), "webgl": check("untried", reason="there is no browser")}

    assert len(text(None, card("a", variant("float32", 2048, checks=checks))).splitlines()) == 2


def test_why_a_backend_fails_is_told_in_short() -> None:
    checks = {"cpu": check(), "wasm": check("failed", reason="Aborted() at GatherNd\nmore")}
    rows = text(None, card("a", variant("float32", 2048, checks=checks)))

    assert rows.endswith("proved on cpu only: wasm fails: Aborted() at GatherNd (a)\n")


def test_a_release_that_a_model_needs_is_told_once() -> None:
    checks = {name: check(requires={"tfjs": "3.21.0"}) for name in ("cpu", "wasm")}
    rows = text(None, card("nudity", variant("float32", 2048, checks=checks)))

    assert rows.endswith("\nruns only in TensorFlow.js 3.21.0 (nudity)\n")
    assert rows.count("3.21.0") == 1


def test_sizes_as_they_travel_are_told_by_variant() -> None:
    cards = [
        card(
            "a", variant("float32", 1000, brotliBytes=900), variant("uint8", 260, brotliBytes=180)
        ),
        card("b", variant("float32", 3000, brotliBytes=2740), variant("float16", 1500)),
    ]

    assert text(None, *cards).endswith(
        "\nsent with Brotli: float32 91% of these sizes, uint8 69%\n"
    )


def test_advice_on_withheld_variants_is_told_once() -> None:
    withheld = variant("uint8", status="withheld", reason="y: off", advice="float16 passes")
    cards = [card(name, variant("float32", 2048), withheld) for name in ("a", "b")]

    assert text(None, *cards).endswith("\nadvice: float16 passes (for a uint8, b uint8)\n")


def test_a_base_that_every_backend_runs_has_no_note() -> None:
    checks = {"cpu": check(), "wasm": check()}

    assert len(text(None, card("a", variant("float32", 2048, checks=checks))).splitlines()) == 2
