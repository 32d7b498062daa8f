"""Commands of the converter as entries of the manifest. It opens no file."""

import posixpath
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from pipeline.errors import CommandLineError
from pipeline.formats.detect import formats_of_file
from pipeline.formats.format import LAYERS, OUTPUT_FORMATS
from pipeline.formats.table import INPUT_FORMATS, find_format
from pipeline.manifest.converter.command_line import CommandLine, read_command_line
from pipeline.manifest.converter.converter_options import OPTIONS
from pipeline.manifest.flags import FLAGS, find_misfits
from pipeline.manifest.quantize_rules import QUANTIZE_FIELDS
from pipeline.text.suggest import join_words

# Names of releases before 1.0.
_OLD_FORMATS = {"tensorflowjs": LAYERS}
_GONE_FORMATS = {
    "tf_session_bundle": "a session bundle of TensorFlow 1: save it as a SavedModel",
}
_KERAS_OUTPUTS = {"keras", "keras_saved_model", "keras_keras"}
# Names that people give to folders of any model.
_ANY_NAME = re.compile(
    r"(?:web|tfjs|js|graph|layers|keras|saved|out|output|target)?[-_]?(?:models?|dist|out|output"
    r"|web|tfjs|public|assets|static|te?mp|home|export)?",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"\.(?:h5|hdf5|keras|pb|pbtxt|json|tflite|onnx|xml|task|tar\.gz|tgz|zip)$")
_WIDTH = 96


@dataclass(frozen=True, kw_only=True)
class ImportedModel:
    """A model of the manifest.

    Attributes:
        fields: Its entry, JSON values by field.
        remarks: Sentences about the import.
    """

    fields: dict[str, Any]
    remarks: tuple[str, ...]


def import_command(arguments: Sequence[str], *, taken: Collection[str] = ()) -> ImportedModel:
    """Turn the arguments of a command of the converter into an entry.

    Args:
        arguments: The arguments, without the command's own name.
        taken: Names of other models.

    Raises:
        CommandLineError: The command cannot be imported; the message says why.
    """
    line = read_command_line(arguments)
    source, destination = line.paths
    formats = _read_formats(line)
    options = _read_options(line)
    for flag in list(_find_idle(source, formats, options)):
        del options[flag]
        line.remarks.append(f"--{flag}: has no effect on this model; left out")
    fields: dict[str, Any] = {
        "name": choose_name((destination, source), taken),
        "source": source.rstrip("/") or source,
        **formats,
        **options,
    }
    line.remarks += _describe_paths(source, destination, fields["name"])
    return ImportedModel(fields=fields, remarks=tuple(line.remarks))


def format_entry(model: ImportedModel) -> str:
    """Return an entry as an item of the manifest's list, with the remarks as comments above it.

    # web/cat: becomes models/cat/ of the zoo
    - name: cat
      source: saved/cat
    """
    text = yaml.safe_dump(
        [model.fields], sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=None
    )
    lines = (line for remark in model.remarks for line in _wrap(remark))
    return "".join(f"{line}\n" for line in lines) + _in_block_style(text, model.fields)


def _wrap(remark: str) -> list[str]:
    return textwrap.wrap(
        remark,
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="#   ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _in_block_style(text: str, fields: dict[str, Any]) -> str:
    """Return the fields a line each: PyYAML would put a mapping of plain values on one."""
    if not text.startswith("- {"):
        return text
    lines = [
        yaml.safe_dump({key: value}, allow_unicode=True, width=_WIDTH, default_flow_style=False)
        for key, value in fields.items()
    ]
    return "- " + "  ".join(lines)


def _read_formats(line: CommandLine) -> dict[str, str]:
    given = line.values.pop("input_format", None)
    asked = line.values.pop("output_format", None)
    source_format = _known_format(given, INPUT_FORMATS, "--input_format", line)
    if asked in _KERAS_OUTPUTS:
        raise CommandLineError(
            f"--output_format {asked}: a zoo publishes for the browser; expected "
            f"{join_words(OUTPUT_FORMATS, 'or')}",
            hint="keep the command for this one",
        )
    formats = {} if source_format is None else {"input_format": source_format}
    if asked == "tensorflowjs":
        line.remarks.append("--output_format tensorflowjs: of releases before 1.0; left out")
        asked = None
    output_format = _known_format(asked, OUTPUT_FORMATS, "--output_format", line)
    if output_format is None and source_format is not None:
        output_format = _default_output(source_format, line)
    return formats | ({} if output_format is None else {"output_format": output_format})


def _default_output(source_format: str, line: CommandLine) -> str | None:
    """Return what the converter makes where nothing is said, if it is not what all get here."""
    if source_format == LAYERS:
        line.remarks.append(
            "without --output_format the converter writes a Keras file; here the layers model is "
            "published"
        )
    chosen = find_format(source_format).default_output
    return chosen if chosen == LAYERS else None


def _known_format(
    text: str | None, known: Sequence[str], option: str, line: CommandLine
) -> str | None:
    if text is None or text in known:
        return text
    if text in _OLD_FORMATS:
        line.remarks.append(f"{option} {text}: the old name of {_OLD_FORMATS[text]}")
        return _OLD_FORMATS[text]
    raise CommandLineError(
        f"{option} {text}: {_GONE_FORMATS.get(text, 'no such format')}; "
        f"expected {join_words(known, 'or')}"
    )


def _read_options(line: CommandLine) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, text in line.values.items():
        match OPTIONS[name].kind:
            case "boolean" | "switch":
                fields[name] = text == "true"
            case "weights":
                fields[name] = _weights(text or "")
            case "number":
                fields[name] = int(text or "0")
            case "list":
                fields[name] = _list(text or "")
            case _:
                fields[name] = _metadata(text or "") if name == "metadata" else text
    quantize = {name: fields.pop(name) for name in QUANTIZE_FIELDS if name in fields}
    # A switch that is off is as if it were not there.
    kept = {name: value for name, value in fields.items() if value or name in _ON_BY_DEFAULT}
    return kept | {name: value for name, value in quantize.items() if value}


_ON_BY_DEFAULT = frozenset({"strip_debug_ops", "saved_model_tags"})


def _weights(text: str) -> bool | list[str]:
    return text == "true" if text in {"true", "false"} else _list(text)


def _find_idle(
    source: str, formats: Mapping[str, str], options: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the flags that the converter takes for these formats, and ignores."""
    given = formats.get("input_format")
    inputs = (given,) if given else formats_of_file(source.rstrip("/").rpartition("/")[2])
    asked = formats.get("output_format")
    pairs = [(name, asked or find_format(name).default_output) for name in inputs]
    flags = [name for name in options if name in FLAGS and options[name]]
    for field, message in find_misfits(flags, pairs):
        if field not in options:
            raise CommandLineError(f"--{field}: {message}")
        yield field


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _metadata(text: str) -> dict[str, str]:
    pairs = [part.partition(":") for part in text.split(",")]
    if not all(key and path for key, _, path in pairs):
        raise CommandLineError(f"--metadata {text}: expected key:path.json, with commas between")
    return {key.strip(): path.strip() for key, _, path in pairs}


def choose_name(paths: Sequence[str], taken: Collection[str]) -> str:
    """Name a model after the first path that says something: "hand-track" for "out/Hand Track.h5".

    Args:
        paths: Paths or URLs, the most telling first.
        taken: Names of other models.
    """
    words = [
        _words(part)
        for path in paths
        for part in reversed(_parts(path))
        if not _ANY_NAME.fullmatch(part.partition(".")[0])
    ]
    name = next(filter(None, words), "model")
    numbers = iter(range(2, len(taken) + 3))
    free = name
    while free in taken:
        free = f"{name}-{next(numbers)}"
    return free


def _parts(path: str) -> list[str]:
    plain = path.partition("://")[2].partition("/")[2] if "://" in path else path
    parts = posixpath.normpath(plain.replace("\\", "/")).split("/")
    return [part for part in parts if part not in {"", ".", "..", "~"} and not part.isdigit()]


def _words(part: str) -> str:
    """Return a part of a path as a name: lower case, no suffix of a file."""
    stem = _SUFFIX.sub("", part.lower())
    return re.sub(r"[^a-z0-9._-]+", "-", stem).strip("-._")


def _describe_paths(source: str, destination: str, name: str) -> list[str]:
    remarks = [f"{destination}: becomes models/{name}/ of the zoo"]
    if source.startswith("~") or "$" in source:
        remarks.append(f"{source}: a shell would fill this in; write the path itself")
    return remarks
