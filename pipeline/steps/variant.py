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
    weight_shard_size_bytes: int


def run(work: Work[VariantParameters]) -> None:
    """Make a variant of the base: `model.json`, its shards, and `variant.json`."""
    from pipeline.tfjs.quantize.form_files import VariantNotSmaller
    from pipeline.tfjs.quantize.variant_files import write_variant

    work.uses("numpy", "tensorflowjs")
    try:
        record = write_variant(
            base=work.inputs["convert"],
            signature=Signature.load(work.inputs["signature"]),
            name=work.parameters.name,
            quantize=work.parameters.quantize,
            shard_size_bytes=work.parameters.weight_shard_size_bytes,
            folder=work.folder,
        )
    except VariantNotSmaller as error:
        raise StepSkipped(str(error)) from None
    record.save(work.folder)


STEP = Step(
    name="variant",
    version=2,
    parameters=VariantParameters,
    run=run,
    needs=("convert", "signature"),
    tools=frozenset({"numpy", "tensorflowjs"}),
)


def parameters(model: Model) -> dict[str, VariantParameters]:
    """Return the parameters of `variant` for a model, by variant, the base first."""
    quantized: dict[str, dict[str, tuple[str, ...]]] = {BASE: {}}
    quantized |= {variant.name: variant.quantize for variant in model.variants}
    return {
        name: VariantParameters(
            name=name,
            quantize=quantize,
            weight_shard_size_bytes=model.weight_shard_size_bytes,
        )
        for name, quantize in quantized.items()
    }
