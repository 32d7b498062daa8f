"""Checks of a manifest that concern several fields, or several models. It opens no file."""

import posixpath
from collections.abc import Iterator

from pipeline.errors import SourceError
from pipeline.fetch.address.beside import find_beside
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.address.source_type import Source
from pipeline.formats.detect import formats_of_file
from pipeline.formats.table import find_format
from pipeline.manifest.fault import Fault
from pipeline.manifest.flags import asked_flags, find_misfits
from pipeline.manifest.model import CATALOG_KEYS
from pipeline.manifest.quantize_rules import QUANTIZE_FIELDS, describe_flags
from pipeline.manifest.role_faults import check_roles
from pipeline.manifest.sections import ManifestModel, Sections


def check_models(sections: Sections) -> list[Fault]:
    """Return the faults between the fields of a model, and between models."""
    faults = [*_check_names(sections.models)]
    for listed in sections.models:
        faults += _check_source(listed, sections.zoo.output)
        faults += _check_repeats(listed)
        faults += _check_signatures(listed)
        faults += _check_quantize(listed)
        faults += _check_scales(listed)
        faults += _check_extra(listed)
        faults += _check_code(listed)
        faults += check_roles(listed)
    # A fault of `defaults` shows in every model that inherits it.
    return list({(fault.line, fault.column, fault.message): fault for fault in faults}.values())


def _check_names(models: list[ManifestModel]) -> Iterator[Fault]:
    first: dict[str, ManifestModel] = {}
    for listed in models:
        name = listed.model.name
        if listed.node.value.get("name") != (listed.model.family or name):
            continue  # the name is missing or wrong, and has its fault already
        other = first.setdefault(name, listed)
        if other is not listed:
            line = other.fault(("name",), "").line
            yield listed.fault(
                ("name",), f"{name!r} is also the name of models[{other.path[1]}] in line {line}"
            )


def _check_source(listed: ManifestModel, output: str) -> Iterator[Fault]:
    """Check the source, and the fields that the format of its file decides on."""
    try:
        source = parse_source(listed.model.source)
    except SourceError as error:
        hint = f"; {error.hint}" if error.hint else ""
        yield listed.fault(("source",), f"{error.message}{hint}")
        return
    yield from _check_texts(listed)
    if _lies_in(source, output):
        message = f"it lies in {output!r}, where the zoo is published; move it, or set zoo.output"
        yield listed.fault(("source",), message)
    formats = formats_of_file(_file_name(source))
    if listed.model.input_format is not None:
        formats = (listed.model.input_format,)
    model = listed.model
    pairs = [(name, model.output_format or find_format(name).default_output) for name in formats]
    for flag, message in find_misfits(asked_flags(model, model.inherited), pairs):
        is_listed = flag == "signature_name" and model.family is not None
        field = "signatures" if is_listed else flag
        if field in listed.model.inherited:
            yield listed.fault((), f"{field} of 'defaults': {message}")
        else:
            yield listed.fault((field,), message, at_key=True)


def _check_texts(listed: ManifestModel) -> Iterator[Fault]:
    """Check labels, a tokenizer and a model card that are files of the source: "#path"."""
    stated = listed.model.labels
    places = stated.items() if isinstance(stated, dict) else [(None, stated)]
    given = {("labels", *([place] if place else [])): one for place, one in places}
    model = listed.model
    given |= {("tokenizer",): model.tokenizer, ("card",): model.card}
    for path, text in given.items():
        if isinstance(text, str) and text.startswith("#"):
            try:
                find_beside(text, listed.model.source)
            except SourceError as error:
                yield listed.fault(path, error.message)


def _file_name(source: Source) -> str:
    if source.inside is None and (source.archive or source.kind in {"npm", "pypi"}):
        return ""
    path = source.nested or source.inside or source.location
    return path.partition("?")[0] if source.kind in {"http", "filesystem"} else path


def _lies_in(source: Source, folder: str) -> bool:
    path = posixpath.normpath(source.location)
    return source.kind == "path" and f"{path}/".startswith(f"{folder}/")


def _check_repeats(listed: ManifestModel) -> Iterator[Fault]:
    names = [variant.name for variant in listed.model.variants]
    for field, values in (("tags", listed.model.tags), ("variants", names)):
        for index, value in enumerate(values):
            if value in values[:index]:
                yield listed.fault((field, index), f"{value!r} is listed twice")


def _check_signatures(listed: ManifestModel) -> Iterator[Fault]:
    if listed.model.family is not None and "signature_name" in listed.node.value:
        message = "cannot stand beside 'signatures', which makes a model for each of them"
        yield listed.fault(("signature_name",), message, at_key=True)


def _check_quantize(listed: ManifestModel) -> Iterator[Fault]:
    if message := describe_flags(listed.model):
        fields = [field for field in QUANTIZE_FIELDS if getattr(listed.model, field)]
        yield listed.fault((fields[-1],), message, at_key=True)


def _check_scales(listed: ManifestModel) -> Iterator[Fault]:
    model = listed.model
    if model.output_format != "tfjs_layers_model" or "variants" in model.inherited:
        return
    for index, variant in enumerate(model.variants):
        for field in ("per_channel", "block"):
            if getattr(variant, field):
                message = (
                    "only a graph model has a place for it: layers take a weight as "
                    "it is stored; expected output_format: tfjs_graph_model"
                )
                yield listed.fault(("variants", index, field), message, at_key=True)


def _check_extra(listed: ManifestModel) -> Iterator[Fault]:
    for key in listed.model.extra:
        if key in CATALOG_KEYS:
            message = f"{key!r} is a key of the catalog itself; expected another name"
            yield listed.fault(("extra", key), message, at_key=True)


def _check_code(listed: ManifestModel) -> Iterator[Fault]:
    model = listed.model
    if model.custom_objects and not model.trust and "custom_objects" not in model.inherited:
        message = "its code runs when the model is loaded; expected `trust: true` beside it"
        yield listed.fault(("custom_objects",), message, at_key=True)
