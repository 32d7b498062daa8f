"""The step `variant`: makes the base and its quantized forms ready for publication."""

from typing import ClassVar

from pipeline.engine.step import Step, StepSkipped, Work
from pipeline.manifest.model import Model
from pipeline.records.recipe import Recipe
from pipeline.records.record import SparsePart
from pipeline.records.signature import Signature
from pipeline.records.variant import VariantRecord

BASE = "base"
# As `pipeline.tfjs.quantize.choice` calls the weights that stay as in the base.
KEPT = "float32"


class VariantParameters(SparsePart):
    """The parameters of `variant`."""

    # Only if it has a meaning: another parameter would make all variants again.
    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"seed"})

    name: str
    quantize: dict[str, tuple[str, ...]]
    """Patterns of weights by dtype, by `float32` of those that stay; empty for the base."""
    per_channel: tuple[str, ...]
    """Patterns of weights in uint8 with a scale for each channel."""
    block: int | None
    """Number of values in a block that has a scale of its own."""
    block_weights: tuple[str, ...]
    """Patterns of weights in uint8 with a scale for each block."""
    four_bits: tuple[str, ...] = ()
    """Patterns of weights with scales that are stored in 4 bits."""
    calibrate: bool
    """Whether the rounding of weights with scales is fitted to inputs."""
    seed: str | None = None
    """What these inputs follow from, the name of the model; None where nothing is fitted."""
    task: str | None
    """Task of the model, which these inputs follow; None where nothing is fitted."""
    smallest: bool = False
    """Whether the form of each weight is searched."""
    weight_shard_size_bytes: int


def run(work: Work[VariantParameters]) -> None:
    """Make a variant of the base: `model.json`, its shards, and `variant.json`."""
    from pipeline.disk.transfer_sizes import measure_transfer
    from pipeline.tfjs.quantize.form_files import VariantNotSmaller

    work.uses("brotli", "numpy", "tensorflowjs")
    write = _write_found if work.parameters.smallest else _write_asked
    try:
        record = write(work)
    except VariantNotSmaller as error:
        raise StepSkipped(str(error)) from None
    paths = (path for path in work.folder.iterdir() if path != work.log)
    sizes = measure_transfer(paths)
    record = record.model_copy(update={"gzip_bytes": sizes.gzip, "brotli_bytes": sizes.brotli})
    record.save(work.folder)


def _write_asked(work: Work[VariantParameters]) -> VariantRecord:
    """Write a variant whose forms the manifest states."""
    from pipeline.proof.fit_rounding import fit_rounding
    from pipeline.tfjs.quantize.variant_files import write_variant

    seed, task = work.parameters.seed, work.parameters.task
    fit = {"fit": lambda forms: fit_rounding(work, forms, seed=seed, task=task)}
    return write_variant(
        base=work.inputs["convert"],
        signature=Signature.load(work.inputs["signature"]),
        name=work.parameters.name,
        quantize=work.parameters.quantize,
        per_channel=work.parameters.per_channel,
        block=work.parameters.block,
        block_weights=work.parameters.block_weights,
        four_bits=work.parameters.four_bits,
        **(fit if work.parameters.calibrate else {}),
        shard_size_bytes=work.parameters.weight_shard_size_bytes,
        folder=work.folder,
    )


def _write_found(work: Work[VariantParameters]) -> VariantRecord:
    """Write a variant whose forms were searched."""
    from pipeline.proof.fit_rounding import fit_rounding
    from pipeline.tfjs.quantize.found_variant import write_found_variant

    name, seed, task = work.parameters.name, work.parameters.seed, work.parameters.task
    return write_found_variant(
        base=work.inputs["convert"],
        signature=Signature.load(work.inputs["signature"]),
        name=name,
        recipe=Recipe.load(work.inputs[f"search:{name}"]),
        fit=lambda forms: fit_rounding(work, forms, seed=seed, task=task),
        shard_size_bytes=work.parameters.weight_shard_size_bytes,
        folder=work.folder,
    )


STEP = Step(
    name="variant",
    version=4,
    parameters=VariantParameters,
    run=run,
    needs=("convert", "signature"),
    tools=frozenset({"brotli", "numpy", "tensorflow", "tensorflowjs"}),
)


def parameters(model: Model) -> dict[str, VariantParameters]:
    """Return the parameters of `variant` for a model, by variant, the base first."""
    size = model.weight_shard_size_bytes
    base = VariantParameters(
        name=BASE,
        quantize={},
        per_channel=(),
        block=None,
        block_weights=(),
        calibrate=False,
        task=None,
        weight_shard_size_bytes=size,
    )
    quantized = {
        variant.name: VariantParameters(
            name=variant.name,
            quantize=variant.quantize | ({KEPT: variant.keep} if variant.keep else {}),
            per_channel=variant.per_channel,
            block=variant.block.size if variant.block else None,
            block_weights=variant.block.weights if variant.block else (),
            four_bits=variant.four_bits,
            calibrate=variant.calibrate,
            seed=model.name if variant.calibrate or variant.smallest else None,
            task=model.task if variant.calibrate or variant.smallest else None,
            smallest=variant.smallest,
            weight_shard_size_bytes=size,
        )
        for variant in model.variants
    }
    return {BASE: base, **quantized}


def more_needs(model: Model, variant: str | None) -> tuple[str, ...]:
    """Return the steps that a variant of a model needs beside those of every variant."""
    for one in model.variants:
        if one.name == variant and one.smallest:
            return (f"search:{variant}", "reference")
        if one.name == variant and one.calibrate:
            return ("reference",)
    return ()
