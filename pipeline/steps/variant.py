"""The step `variant`: makes the base and its quantized forms ready for publication."""

from pipeline.engine.step import Step, StepSkipped, Work
from pipeline.manifest.model import Model
from pipeline.records.record import Part
from pipeline.records.signature import Signature

BASE = "base"


class VariantParameters(Part):
    """The parameters of `variant`."""

    name: str
    quantize: dict[str, tuple[str, ...]]
    """Patterns of weights by dtype; empty for the base."""
    per_channel: tuple[str, ...]
    """Patterns of weights in uint8 with a scale for each channel."""
    block: int | None
    """Number of values in a block that has a scale of its own."""
    block_weights: tuple[str, ...]
    """Patterns of weights in uint8 with a scale for each block."""
    weight_shard_size_bytes: int


def run(work: Work[VariantParameters]) -> None:
    """Make a variant of the base: `model.json`, its shards, and `variant.json`."""
    from pipeline.disk.transfer_sizes import measure_transfer
    from pipeline.tfjs.quantize.form_files import VariantNotSmaller
    from pipeline.tfjs.quantize.variant_files import write_variant

    work.uses("brotli", "numpy", "tensorflowjs")
    try:
        record = write_variant(
            base=work.inputs["convert"],
            signature=Signature.load(work.inputs["signature"]),
            name=work.parameters.name,
            quantize=work.parameters.quantize,
            per_channel=work.parameters.per_channel,
            block=work.parameters.block,
            block_weights=work.parameters.block_weights,
            shard_size_bytes=work.parameters.weight_shard_size_bytes,
            folder=work.folder,
        )
    except VariantNotSmaller as error:
        raise StepSkipped(str(error)) from None
    paths = (path for path in work.folder.iterdir() if path != work.log)
    sizes = measure_transfer(paths)
    record = record.model_copy(update={"gzip_bytes": sizes.gzip, "brotli_bytes": sizes.brotli})
    record.save(work.folder)


STEP = Step(
    name="variant",
    version=3,
    parameters=VariantParameters,
    run=run,
    needs=("convert", "signature"),
    tools=frozenset({"brotli", "numpy", "tensorflowjs"}),
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
        weight_shard_size_bytes=size,
    )
    quantized = {
        variant.name: VariantParameters(
            name=variant.name,
            quantize=variant.quantize,
            per_channel=variant.per_channel,
            block=variant.block.size if variant.block else None,
            block_weights=variant.block.weights if variant.block else (),
            weight_shard_size_bytes=size,
        )
        for variant in model.variants
    }
    return {BASE: base, **quantized}
