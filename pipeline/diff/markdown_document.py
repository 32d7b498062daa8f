"""Markdown: a difference for a pull request, a job's summary, a chat. Pure."""

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
    """Return what differs as Markdown: a table of models, then each of them."""
    models = order_models(difference)
    lines = [f"## What changed in the zoo: {summarize(difference)}", ""]
    before = quote_code(difference.before)
    then = f"{before}, where nothing is published yet" if difference.is_first else before
    lines.append(f"{quote_code(difference.after)} against {then}.")
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
    """Say whether there is more to tell of a model than the first table does."""
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
