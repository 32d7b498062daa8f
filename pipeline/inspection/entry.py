"""The entry of models.yaml for a model, from its description and its surroundings. Pure.

A fact that the files state becomes a field. A fact that is only likely, or that nobody states,
becomes a comment that a person can turn into a field.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pipeline.catalog.known_sets import label_sets, read_label_set
from pipeline.catalog.task_words import guess_task
from pipeline.fetch.address.source_type import Source
from pipeline.inspection.description import Description
from pipeline.inspection.package_facts import PackageFacts
from pipeline.manifest.converter.manifest_lines import ImportedModel, choose_name, format_entry
from pipeline.text.suggest import join_words

_BACKGROUND = 1


@dataclass(frozen=True, kw_only=True)
class FoundLabels:
    """Names of classes beside a model.

    Attributes:
        file: The file that has them, as the manifest may name it; None to list them.
        names: The names.
        where: The file that they were found in.
    """

    file: str | None
    names: list[str]
    where: str


def write_entry(  # noqa: PLR0913  # all that is known of a model, each by name
    source: Source,
    text: str,
    model: Description,
    facts: PackageFacts,
    labels: FoundLabels | None,
    *,
    taken: Collection[str],
) -> ImportedModel:
    """Return the entry of a model.

    Args:
        source: Where it is.
        text: The same as the manifest writes it.
        model: Its description.
        facts: What is said beside its files.
        labels: Names of its classes beside its files.
        taken: Names of other models.
    """
    name = choose_name(_paths(source), taken)
    task = facts.task or None
    fields: dict[str, Any] = {
        "name": name,
        **({"task": task} if task else {}),
        **({"license": facts.license} if facts.license else {}),
        **({"homepage": facts.homepage} if facts.homepage else {}),
        **({"card": facts.card} if facts.card else {}),
        "source": text,
        "input_format": model.format,
    }
    if labels is not None:
        fields["labels"] = labels.file or labels.names
    remarks = [
        *_remark_on_facts(facts, labels),
        *_remark_on_task(task, f"{name} {PurePosixPath(text).name}"),
        *_remark_on_ends(model),
        *(_remark_on_labels(model) if labels is None else ()),
    ]
    return ImportedModel(fields=fields, remarks=tuple(remarks))


def format_added(model: ImportedModel) -> str:
    """Return an entry as an item of the manifest's list, with comments behind its name.

    - name: cat
      # task: image-classification  # its name says so
      source: saved/cat
    """
    first, _, rest = format_entry(ImportedModel(fields=model.fields, remarks=())).partition("\n")
    comments = "".join(f"  # {remark}\n" for remark in model.remarks)
    return f"{first}\n{comments}{rest}"


def count_classes(model: Description) -> set[int]:
    """Return the sizes of the last axes of a model's outputs, with and without a background."""
    ends = (output.shape[-1] for output in model.outputs or () if output.shape)
    sizes = {size for size in ends if size is not None and size > 1}
    return sizes | {size - _BACKGROUND for size in sizes}


def _paths(source: Source) -> list[str]:
    """Return what says the name of a model, the most telling first."""
    inside = [part for part in (source.nested, source.inside) if part]
    path = f"{source.location}/{inside[-1]}" if inside else source.location
    return [path.replace("@", "").replace("#", "/")]


def _remark_on_facts(facts: PackageFacts, labels: FoundLabels | None) -> Iterator[str]:
    if facts.license_text is not None:
        found = facts.license_text
        yield f"license: {found.license}   # {found.path} is its text, or nearly: read it"
    elif facts.license is None:
        yield "license:   # nothing beside the model states one; left out, it is unknown"
    else:
        yield f"The license is that of {facts.license_from}; files may have other terms."
    if labels is not None:
        yield f"The labels are those of {labels.where}."


def _remark_on_task(task: str | None, name: str) -> Iterator[str]:
    guessed = None if task else guess_task(name)
    if guessed is not None:
        yield f"task: {guessed}   # its name says so"
    elif task is None:
        yield "task:   # what it is for, such as object-detection"


def _remark_on_ends(model: Description) -> Iterator[str]:
    """Yield what the manifest has to say of signatures, inputs and outputs."""
    if model.signatures and model.signature_key is None:
        keys = sorted(model.signatures)
        yield f"signature_name:   # {join_words(keys, 'or')}"
        yield f"signatures: [{', '.join(keys)}]   # in its place: a model for each of these"
    if model.possible_outputs:
        listed = ", ".join(model.possible_outputs)
        yield f"output_node_names: [{listed}]   # those that are meant: the file does not say it"
    for name in model.unstated:
        yield f"inputs: {{{name}: {{range: [0, 1]}}}}   # nobody states its range"


def _remark_on_labels(model: Description) -> Iterator[str]:
    counts = count_classes(model)
    likely = [name for name in label_sets() if len(read_label_set(name)) in counts]
    if likely:
        yield f"labels: {join_words(likely, 'or')}   # the number of classes fits; compare"
