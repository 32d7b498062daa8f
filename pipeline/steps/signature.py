"""The step `signature`: reads the inputs and outputs of a base, named as in its source."""

from pipeline.engine.step import Step, Work
from pipeline.manifest.model import Model
from pipeline.records.record import Part
from pipeline.records.source import ConvertedSource


class SignatureParameters(Part):
    """The parameters of `signature`: none."""


def run(work: Work[SignatureParameters]) -> None:
    """Read the signature of the base, named as in the source: `signature.json`."""
    from pipeline.tfjs.model.model_json import load_model_json
    from pipeline.tfjs.model.signature import read_signature

    base = work.inputs["convert"]
    model_json = load_model_json(base / "model.json")
    read_signature(model_json, ConvertedSource.load(base)).save(work.folder)


STEP = Step(
    name="signature",
    version=2,
    parameters=SignatureParameters,
    run=run,
    needs=("convert",),
    stays=True,
)


def parameters(_model: Model) -> SignatureParameters:
    """Return the parameters of `signature` for a model."""
    return SignatureParameters()
