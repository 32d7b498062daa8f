"""A difference of two catalogs as Markdown, for a pull request or a job's summary. Pure."""

from pipeline.diff.change import Change, Difference, Mark, ModelDifference
from pipeline.diff.difference_text import (
    count_marks,
    describe_deviation,
    describe_size,
    describe_tools,
    order_models,
    shown_changes,
    shown_variants,
    summarize,
)
from pipeline.text.markdown import escape_markdown, format_table, quote_code
from pipeline.text.quantity import count

# GitHub takes 1 MiB as the summary of a job, and 64 KiB as a comment.
MAX_TOLD = 50
MAX_LISTED = 200


def format_markdown(difference: Difference) -> str:
    """Return a difference as Markdown: a table of models, then a section for each model."""
    models = order_models(difference)
    lines = [f"## What changed in the zoo: {summarize(difference)}", ""]
    before = quote_code(difference.before)
    note = ", where nothing is published yet" if difference.is_first else ""
    lines.append(f"{quote_code(difference.after)} against {before}{note}.")
    marks = [
        f"**{text}**" if mark == "breaking" else text for mark, text in count_marks(difference)
    ]
    if marks:
        lines.append(f"{', '.join(marks)}.")
    if difference.toolchain:
        lines.append(f"Tools: {escape_markdown(describe_tools(difference))}.")
    if models:
        rows = [_row(model) for model in models[:MAX_LISTED]]
        lines += ["", *format_table(["model", "", "what it means", "because"], rows)]
    if len(models) > MAX_LISTED:
        lines += ["", f"and {count(len(models) - MAX_LISTED, 'more model')}."]
    for model in [model for model in models if _has_more(model)][:MAX_TOLD]:
        lines += ["", *_format_model(model)]
    return "\n".join(lines) + "\n"


def _row(model: ModelDifference) -> list[str]:
    causes = "; ".join(
        cause.text if cause.kind in {"unknown", "failure"} else f"{cause.kind}: {cause.text}"
        for cause in model.causes
    )
    return [
        quote_code(model.name),
        model.fate,
        ", ".join(_emphasize(mark) for mark in model.marks),
        escape_markdown(causes),
    ]


def _has_more(model: ModelDifference) -> bool:
    """Say whether a model needs a section beside its row in the first table."""
    return model.fate == "changed" or model.after not in {None, "ok"}


def _format_model(model: ModelDifference) -> list[str]:
    lines = [f"### {quote_code(model.name)}", ""]
    lines += [f"- {_format_change(change)}" for change in shown_changes(model)]
    variants = shown_variants(model)
    if variants:
        rows = [
            [quote_code(one.name), describe_size(one), escape_markdown(describe_deviation(one))]
            for one in variants
        ]
        lines += ["", *format_table(["variant", "size", "error"], rows)]
    return lines


def _format_change(change: Change) -> str:
    marks = ", ".join(_emphasize(mark) for mark in change.marks)
    text = escape_markdown(change.text)
    return f"{marks}: {text}" if marks else text


def _emphasize(mark: Mark) -> str:
    return f"**{mark}**" if mark == "breaking" else mark
