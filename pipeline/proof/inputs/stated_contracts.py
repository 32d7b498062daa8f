"""Stated contracts: the manifest on inputs, and the source where the manifest is silent.

It opens no file.
"""

from collections.abc import Iterable, Mapping, Sequence

from pipeline.errors import ManifestError
from pipeline.manifest.input_section import InputSection
from pipeline.proof.inputs.contract_facts import derive_range, json_name, merge_facts
from pipeline.proof.inputs.input_shapes import CHANNELS
from pipeline.records.contract import CHANNELS_OF_COLOR, InputContract
from pipeline.records.shape import Shape
from pipeline.records.signature import TensorSpec
from pipeline.text.suggest import did_you_mean, find_similar

EVIDENCE = "models.yaml"
_NDIM_BATCH = 4
# The numbers of axes that an input may have of which a fact is stated: a picture, alone, in a batch
# or in a film; a sound or ids.
_PICTURE, _ROW = range(3, 6), range(4)
_AXES = {
    **dict.fromkeys(("color", "layout", "resize"), _PICTURE),
    **dict.fromkeys(("sample_rate", "vocabulary"), _ROW),
}
_KINDS = {
    **dict.fromkeys(("color", "layout", "resize"), "pictures"),
    "sample_rate": "sounds",
    "vocabulary": "ids",
}


def apply_stated(
    found: Mapping[str, InputContract],
    stated: Mapping[str, InputSection],
    *,
    inputs: Sequence[TensorSpec],
    outputs: Iterable[str],
) -> dict[str, InputContract]:
    """Return the contract of each input: what the manifest states, and else what was found.

    Args:
        found: What the source says, by input.
        stated: The manifest's `inputs:`.
        inputs: All inputs of the source.
        outputs: Names of the outputs.

    Raises:
        ManifestError: The manifest names an input or output that the model has not, or states
            what cannot be of an input of that shape.
    """
    specs = {spec.name: spec for spec in inputs}
    for name, section in stated.items():
        _check_name(name, specs, "inputs", "input")
        _check_section(name, section, specs[name], list(outputs))
    return {
        name: derive_range(
            merge_facts(
                [
                    *([_as_contract(stated[name])] if name in stated else ()),
                    *([found[name]] if name in found else ()),
                ]
            )
        )
        for name in specs
    }


def _as_contract(section: InputSection) -> InputContract:
    facts = {
        "sizes" if name == "shape" else name: getattr(section, name)
        for name in InputSection.model_fields
        if getattr(section, name) is not None
    }
    return InputContract(**facts, evidence=dict.fromkeys(map(json_name, facts), EVIDENCE))


def _check_name(name: str, known: Iterable[str], where: str, kind: str) -> None:
    names = list(known)
    if name not in names:
        meant = did_you_mean(find_similar(name, names))
        raise ManifestError(
            f"{where}: the model has no {kind} {name!r}; it has {', '.join(names)}{meant}"
        )


def _check_section(
    name: str, section: InputSection, spec: TensorSpec, outputs: Sequence[str]
) -> None:
    if section.state is not None:
        _check_name(section.state, outputs, f"inputs.{name}.state", "output")
    if section.characters is not None and spec.dtype != "string":
        raise ManifestError(
            f"inputs.{name}.characters: found {section.characters!r} for {spec.dtype}; expected it "
            "of an input of texts"
        )
    shape = spec.shape
    if shape is None:
        return
    if section.shape is not None and not _fits(section.shape, shape):
        raise ManifestError(f"inputs.{name}.shape: found {section.shape}; expected {_show(shape)}")
    _check_axes(name, section, shape)
    _check_channels(name, section, shape)


def _check_axes(name: str, section: InputSection, shape: tuple[int | None, ...]) -> None:
    """Raise if facts are stated of an input that its axes show to be another kind of input."""
    for field, allowed in _AXES.items():
        if getattr(section, field) is not None and len(shape) not in allowed:
            raise ManifestError(
                f"inputs.{name}.{field}: found it for the shape {_show(shape)}; expected it of "
                f"{_KINDS[field]}"
            )
    if section.layout is not None:
        own, other = (shape[-1], shape[-3]) if section.layout == "nhwc" else (shape[-3], shape[-1])
        if own not in (None, *CHANNELS) and other in CHANNELS:
            raise ManifestError(
                f"inputs.{name}.layout: found {section.layout} for the shape {_show(shape)}, whose "
                f"{other} channels are at its other end"
            )


def _check_channels(name: str, section: InputSection, shape: tuple[int | None, ...]) -> None:
    """Raise if colours or means are of another number of channels than the input can have."""
    needed = {f"color: {section.color}": CHANNELS_OF_COLOR[section.color]} if section.color else {}
    for field in ("mean", "std"):
        if len(numbers := getattr(section, field) or ()) > 1:
            needed[f"{len(numbers)} numbers in {field}"] = len(numbers)
    # Of three axes the first may count pictures, which have no axis of channels then.
    possible = {shape[-1], shape[-3]} if len(shape) == _NDIM_BATCH else {*shape, 1}
    for found, channels in needed.items():
        if None not in possible and channels not in possible:
            raise ManifestError(
                f"inputs.{name}: found {found}; expected the channels of the shape {_show(shape)}"
            )


def _fits(sizes: Sequence[int], shape: tuple[int | None, ...]) -> bool:
    return len(sizes) == len(shape) and all(
        known in (None, size) for size, known in zip(sizes, shape, strict=True)
    )


def _show(shape: Shape) -> str:
    sizes = ["?" if size is None else str(size) for size in shape or ()]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
