"""Metadata of a TensorFlow Lite file: what the author says of the model and of its ends.

A buffer of the file named TFLITE_METADATA has it, by the schema of TensorFlow Lite Support
(metadata_schema.fbs); files that it names, such as labels, stand in a zip archive behind the
model. This module opens no file.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.errors import FormatError
from pipeline.manifest.license_expression import find_license
from pipeline.proof.inputs.contract_facts import json_name, merge_facts, state_fact
from pipeline.records.contract import Color, InputContract
from pipeline.records.source import About, Labels
from pipeline.text.printable import printable
from pipeline.tf.tflite.call import real_limits
from pipeline.tf.tflite.flatbuffer import Bytes, Table
from pipeline.tf.tflite.tflite_model import Array, Tensor, TfliteModel
from pipeline.tf.tflite.tflite_signature import Ends

EVIDENCE = "the metadata of the source states it"
_BUFFER = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
_NORMALIZATION = 1
_IMAGE, _AUDIO = 2, 4  # members of the union ContentProperties
_COLORS: Mapping[int, Color] = {1: "rgb", 2: "gray"}
_AXIS, _VALUES = 2, 3  # kinds of associated files: TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS
_BYTE = 255.0
_WHOLE = {"int8": (-128.0, 127.0), "uint8": (0.0, 255.0), "int16": (-32768.0, 32767.0)}
_NUM_CHANNELS = {"rgb": 3, "gray": 1}
# What zipfile raises for archives that are none, damaged, packed in other ways, or encrypted.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
_MAX_LABEL_BYTES = 8 * 2**20
_MAX_TEXT = 2_000
_MAX_LABEL = 200


@dataclass(frozen=True, kw_only=True)
class AssociatedFile:
    """A file behind the model that says more of an output.

    Attributes:
        name: Its name in the archive.
        kind: What it holds, as the schema numbers it.
        locale: Language of its texts; "" for no language in particular.
    """

    name: str
    kind: int
    locale: str


@dataclass(frozen=True, kw_only=True)
class TensorMetadata:
    """What the metadata says of an input or output.

    Attributes:
        name: Its name there.
        description: A sentence.
        mean: Of the normalization of a picture: value = (pixel - mean) / std; empty for none.
        std: As `mean`.
        color: Order of the channels of a picture, or None.
        sample_rate: Samples of sound in a second, or None.
        files: Files that belong to it.
    """

    name: str
    description: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    color: Color | None
    sample_rate: int | None
    files: tuple[AssociatedFile, ...]

    @property
    def range(self) -> tuple[float, float] | None:
        """Least and greatest value of a normalized picture; None without normalization."""
        if not self.mean:
            return None
        mean, std = np.array(self.mean), np.array(self.std)
        ends = np.stack([-mean / std, (_BYTE - mean) / std])
        return float(ends.min()), float(ends.max())


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What the metadata says of a model."""

    name: str
    description: str
    version: str
    author: str
    license: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]

    @property
    def about(self) -> About:
        """What the author says of the model as a whole."""
        known = find_license(self.license) if self.license else None
        return About(
            title=self.name or None,
            description=self.description or None,
            author=self.author or None,
            version=self.version or None,
            license=known,
            license_text=None if known == self.license else self.license or None,
        )


def read_metadata(model: TfliteModel) -> Metadata | None:
    """Return the metadata of a file; None where it has none, or none that can be read."""
    content = model.metadata.get(_BUFFER)
    if content is None or bytes(content[4:8]) != _IDENTIFIER:
        return None
    source = Bytes(content=content.tobytes(), name=f"the metadata of {model.bytes.name}")
    try:
        return _read(source.root())
    except FormatError:
        return None  # it is beside the model, which is sound


def _read(root: Table) -> Metadata:
    graphs = root.tables(10, "subgraph_metadata")
    return Metadata(
        name=_text(root, 4, "name"),
        description=_text(root, 6, "description"),
        version=_text(root, 8, "version"),
        author=_text(root, 12, "author"),
        license=_text(root, 14, "license"),
        inputs=tuple(_read_tensors(graphs[0], 8)) if graphs else (),
        outputs=tuple(_read_tensors(graphs[0], 10)) if graphs else (),
    )


def _text(table: Table, slot: int, name: str) -> str:
    return printable(table.text(slot, name).strip(), limit=_MAX_TEXT)


def _read_tensors(graph: Table, slot: int) -> Iterator[TensorMetadata]:
    for table in graph.tables(slot, "tensor_metadata"):
        mean, std = _read_normalization(table)
        color, sample_rate = _read_content(table)
        yield TensorMetadata(
            name=_text(table, 4, "name"),
            description=_text(table, 6, "description"),
            mean=mean,
            std=std,
            color=color,
            sample_rate=sample_rate,
            files=tuple(
                AssociatedFile(
                    name=each.text(4, "name"),
                    kind=each.scalar(8, "b", 0, "type"),
                    locale=each.text(10, "locale"),
                )
                for each in table.tables(16, "associated_files")
            ),
        )


def _read_normalization(table: Table) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of a picture, one each or by channel; empty ones for none."""
    for unit in table.tables(12, "process_units"):
        options = unit.table(6, "options")
        if unit.scalar(4, "B", 0, "options_type") != _NORMALIZATION or options is None:
            continue
        mean, std = (
            options.vector(slot, np.float32, name) for slot, name in ((4, "mean"), (6, "std"))
        )
        size = max(mean.size, std.size)
        sound = np.isfinite(mean).all() and np.isfinite(std).all() and std.all()
        if sound and size and {mean.size, std.size} <= {1, size}:
            return _floats(mean, size), _floats(std, size)
    return (), ()


def _floats(values: Array, size: int) -> tuple[float, ...]:
    return tuple(float(value) for value in np.broadcast_to(values, size))


def _read_content(table: Table) -> tuple[Color | None, int | None]:
    """Return the order of the channels of a picture, and the rate of a sound."""
    content = table.table(10, "content")
    properties = content.table(6, "content_properties") if content is not None else None
    if content is None or properties is None:
        return None, None
    kind = content.scalar(4, "B", 0, "content_properties_type")
    if kind == _IMAGE:
        return _COLORS.get(properties.scalar(4, "b", 0, "color_space")), None
    if kind == _AUDIO:
        return None, properties.scalar(4, "I", 0, "sample_rate") or None
    return None, None


def find_contracts(
    ends: Ends, metadata: Metadata | None, stored: Ends | None = None
) -> dict[str, InputContract] | None:
    """Return what a file states of inputs, by name; None where it states nothing.

    Args:
        ends: The inputs.
        metadata: What the author states.
        stored: The inputs as the file has them, where `ends` are those of a float form.
    """
    said = dict(_pair(ends.inputs, metadata.inputs if metadata else ()))
    contracts = {}
    for name, tensor in ends.inputs.items():
        facts = [_describe(said[name], tensor)] if name in said else []
        own = tensor if stored is None else stored.inputs[name]
        if _is_quantized(own):
            known = _WHOLE[own.dtype] if tensor.dtype == own.dtype else real_limits(own)
            facts.append(state_fact("range", known, f"all values of {own.dtype}"))
        contracts[name] = merge_facts(facts)
    return {name: contract for name, contract in contracts.items() if contract.evidence} or None


def _describe(stated: TensorMetadata, tensor: Tensor) -> InputContract:
    """Return the facts of an input that hold for its numbers."""
    channels = tensor.shape[-1] if tensor.shape else None
    fits = stated.color is None or channels in (None, _NUM_CHANNELS[stated.color])
    # The whole numbers of a quantized input follow by its scale.
    normalized = bool(stated.mean) and tensor.dtype == "float32"
    count = channels or len(stated.mean)
    spread = len(stated.mean) in {1, count}
    facts = {
        "range": stated.range if normalized else None,
        "mean": _spread(stated.mean, count) if normalized and spread else None,
        "std": _spread(stated.std, count) if normalized and spread else None,
        "color": stated.color if fits else None,
        "sample_rate": stated.sample_rate,
    }
    known = {name: value for name, value in facts.items() if value is not None}
    return InputContract(**known, evidence={json_name(name): EVIDENCE for name in known})


def _spread(values: Sequence[float], count: int) -> list[float]:
    return [values[0]] * count if len(values) == 1 else list(values)


def find_labels(
    model: TfliteModel, ends: Ends, metadata: Metadata | None
) -> tuple[dict[str, Labels] | None, list[str]]:
    """Return the labels of outputs by name, and why others are left out.

    Args:
        model: The file, whose archive has the labels.
        ends: Its outputs.
        metadata: Names the files of labels of each output.
    """
    labels, remarks = {}, []
    for name, stated in _pair(ends.outputs, metadata.outputs if metadata else ()):
        files = [file for file in stated.files if file.kind in {_AXIS, _VALUES}]
        if not files:
            continue
        # Other languages are translations of these.
        file = min(files, key=lambda each: (each.locale != "", not each.locale.startswith("en")))
        found = _read_labels(model.bytes.content, file.name)
        fault = _find_fault(found, file, ends.outputs[name])
        if fault is None and found is not None:
            labels[name] = Labels(of="axis" if file.kind == _AXIS else "values", names=found)
        else:
            remarks.append(f"labels of {name!r} are left out: {file.name}: {fault}")
    return labels or None, remarks


def _find_fault(labels: Sequence[str] | None, file: AssociatedFile, tensor: Tensor) -> str | None:
    """Return why labels do not belong to an output; None where they may."""
    if labels is None:
        return "not in the archive behind the model, or not readable"
    size = tensor.shape[-1] if tensor.shape else None
    if file.kind == _AXIS and size is not None and size != len(labels):
        return f"{len(labels)} names for an axis of {size}"
    return None


def _read_labels(content: bytes, name: str) -> list[str] | None:
    """Return the lines of a file in the archive behind a model; None where it cannot be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(name) as file:
            text = file.read(_MAX_LABEL_BYTES + 1)
    except _UNREADABLE:
        return None
    lines = text.decode("utf-8-sig", "replace").splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines or len(text) > _MAX_LABEL_BYTES:
        return None
    return [printable(line.strip(), limit=_MAX_LABEL) for line in lines]


def _pair(
    tensors: Mapping[str, Tensor], stated: Sequence[TensorMetadata]
) -> Iterator[tuple[str, TensorMetadata]]:
    """Yield the metadata of each tensor by its name here; none where their numbers differ."""
    if len(tensors) == len(stated):
        yield from zip(tensors, stated, strict=True)


def _is_quantized(tensor: Tensor) -> bool:
    return tensor.quantization is not None and tensor.dtype in _WHOLE
