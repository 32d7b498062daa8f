"""The step `map`: ties roles such as boxes and scores to outputs."""

from typing import ClassVar

from pipeline.engine.step import Step, Work
from pipeline.manifest.model import Model
from pipeline.records.record import SparsePart
from pipeline.records.signature import Signature


class MapParameters(SparsePart):
    """The parameters of `map`."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset({"conventions"})

    map: dict[str, str | None] | None
    task: str | None
    conventions: dict[str, dict[str, str | int]] | None = None


def run(work: Work[MapParameters]) -> None:
    """Tie roles to outputs, from the manifest and from evidence: `map.json`."""
    from pipeline.proof.vector_files import load_vectors
    from pipeline.roles.infer import infer_roles
    from pipeline.tfjs.model.layers_ops import read_topology
    from pipeline.tfjs.model.model_json import load_model_json

    model_json = load_model_json(work.inputs["convert"] / "model.json")
    vectors = load_vectors(work.inputs["reference"]).vectors
    findings = infer_roles(
        signature=Signature.load(work.inputs["signature"]),
        topology=read_topology(model_json.content),
        task=work.parameters.task,
        outputs=[vector.outputs for vector in vectors],
        manifest_map=work.parameters.map,
        inputs=[vector.inputs for vector in vectors],
        conventions=work.parameters.conventions,
    )
    findings.record().save(work.folder)


STEP = Step(
    name="map",
    version=1,
    parameters=MapParameters,
    run=run,
    needs=("convert", "signature", "reference"),
    stays=True,
    shared=False,
)


def parameters(model: Model) -> MapParameters:
    """Return the parameters of `map` for a model."""
    return MapParameters(map=model.map, task=model.task, conventions=model.conventions or None)
