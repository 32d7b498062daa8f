"""The table of what is withheld, and its reasons, as whole texts."""

from typing import Any

from pipeline.catalog.completion import parse_model
from pipeline.catalog.types import CatalogModel
from pipeline.errors import DamagedFileError
from pipeline.report.withheld import format_reasons, format_withheld
from pipeline.text.line import plain_text


def figures(error: float, limit: float, **metrics: float) -> dict[str, Any]:
    tolerance = {"maxRelError": limit, "minAgreement": 0.9}
    return {"gate": "values", "maxRelError": error, "metrics": metrics, "tolerance": tolerance}


def variant(name: str, status: str, **fields: Any) -> dict[str, Any]:
    outputs = fields.pop("outputs", {})
    check = {"status": "failed", "agreement": "wrong", "outputs": outputs}
    return {"name": name, "status": status, "checks": {"wasm": check} if outputs else {}, **fields}


def model(name: str, *variants: dict[str, Any]) -> CatalogModel:
    outputs = [
        {"name": "labels", "role": "scores", "jsDtype": "float32"},
        {"name": "raw", "role": None, "jsDtype": "float32"},
    ]
    entry = {"name": name, "status": "ok", "outputs": outputs, "variants": list(variants)}
    return parse_model(entry, "card.json", error=DamagedFileError)


GEAR = model(
    "gear",
    variant("float32", "ok"),
    variant(
        "float16",
        "withheld",
        outputs={
            "labels": figures(0.05, 0.1, top1Agreement=0.93),
            "raw": figures(0.02, 0.005),
        },
        reason="wasm: raw: 2 % of the range",
        advice="float16 with a tolerance",
    ),
    variant("uint8", "withheld", outputs={"labels": figures(0.3, 1.0, top1Agreement=0.99)}),
    variant("uint16", "withheld", reason="it dies:\nAborted()"),
    variant("small", "skipped", reason="not wanted"),
)


def test_a_row_tells_error_limit_and_the_figure_of_the_task() -> None:
    lines = plain_text(format_withheld([GEAR], width=None)).splitlines()

    assert lines == [
        "withheld      error              limit  its task",
        "gear float16  2 % of the range   0.5 %  labels 0.93, least 0.98",
        "gear uint8    30 % of the range  any    labels 0.99, least 0.98",
        "gear uint16   –                  –      it dies:",
        "`tfjs-zoo status --withheld` tells why, and what would pass",
    ]


def test_ten_rows_are_shown_and_the_others_counted() -> None:
    models = [model(f"m{i}", variant("uint8", "withheld")) for i in range(1012)]
    lines = plain_text(format_withheld(models, width=80)).splitlines()

    assert len(lines) == 12
    assert lines[-1].startswith("and 1,002 more; ")
    assert format_withheld([model("fine", variant("float32", "ok"))], width=80) == []


def test_the_reasons_are_whole_and_leave_out_what_was_not_wanted() -> None:
    assert plain_text(format_reasons([GEAR], width=None)).splitlines() == [
        "gear float16  withheld",
        "  reason   wasm: raw: 2 % of the range",
        "  advice   float16 with a tolerance",
        "",
        "gear uint8  withheld",
        "",
        "gear uint16  withheld",
        "  reason   it dies:",
        "           Aborted()",
    ]
    assert plain_text(format_reasons([], width=None)) == "Nothing is withheld of 0 models\n"
