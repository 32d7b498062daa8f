"""The step `catalog`: assembles `models.json` from the cards of all models."""

from collections.abc import Iterator

from pipeline.catalog.types import CatalogModel, CatalogZoo, ModelIdentity
from pipeline.engine.step import Step, Work
from pipeline.fetch.address.source import parse_source
from pipeline.manifest.zoo import Zoo
from pipeline.records.record import Part
from pipeline.steps.card import identify
from pipeline.steps.dist import Projected, list_file, save_projection


class ListedModel(Part):
    """A model of the manifest."""

    identity: ModelIdentity
    uri: str
    """Its source, without credentials."""


class CatalogParameters(Part):
    """The parameters of `catalog`."""

    zoo: CatalogZoo
    models: dict[str, ListedModel]


def run(work: Work[CatalogParameters]) -> None:
    """Assemble `models.json`, and list every file of dist/ in `projection.json`."""
    from pipeline.catalog.document import CATALOG_FILE, SCHEMA_FILE, build_catalog, format_schema
    from pipeline.catalog.entries import model_entry
    from pipeline.disk.json_file import write_json

    work.uses(*STEP.tools)
    models = work.parameters.models
    entries = [
        model_entry(
            work.inputs[f"card:{name}"],
            work.outcomes.get(f"card:{name}"),
            models[name].identity,
            uri=models[name].uri,
        )
        for name in sorted(models)
    ]
    catalog = build_catalog(entries, zoo=work.parameters.zoo, toolchain=work.tools)
    write_json(work.folder / CATALOG_FILE, catalog.to_json())
    (work.folder / SCHEMA_FILE).write_bytes(format_schema())
    projection = [file for entry in entries for file in _list_model(work, entry)]
    projection += [
        list_file(work.folder / name, name, source=f"catalog/{name}")
        for name in (CATALOG_FILE, SCHEMA_FILE)
    ]
    save_projection(work.folder, projection)


STEP = Step(
    name="catalog",
    version=1,
    parameters=CatalogParameters,
    run=run,
    accepts=("card",),
    tools=frozenset({"tensorflow", "tensorflowjs", "tfjs", "tfjs-zoo"}),
    stays=True,
)


def parameters(zoo: Zoo) -> CatalogParameters:
    """Return the parameters of `catalog`."""
    return CatalogParameters(
        zoo=CatalogZoo(name=zoo.name, description=zoo.description, homepage=zoo.homepage),
        models={
            model.name: ListedModel(identity=identify(model), uri=parse_source(model.source).uri)
            for model in zoo.models
        },
    )


def _list_model(work: Work[CatalogParameters], entry: CatalogModel) -> Iterator[Projected]:
    """List the files of dist/ that belong to a model: its variants, their aliases, the others."""
    from pipeline.catalog.card import model_folder

    folder, build = model_folder(entry.name), f"build/{entry.name}/card"
    for file in (*entry.shared_files, *(file for made in entry.variants for file in made.files)):
        inside = file.path.removeprefix(f"{folder}/")
        yield Projected(
            path=file.path, source=f"{build}/{inside}", bytes=file.bytes, sha256=file.sha256
        )
    for made in entry.variants:
        if made.files:
            alias = f"{made.name}/model.json"
            path = work.inputs[f"card:{entry.name}"] / alias
            yield list_file(path, f"{folder}/{alias}", source=f"{build}/{alias}")
