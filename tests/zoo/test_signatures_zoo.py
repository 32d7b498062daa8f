"""Several signatures of one source: a model for each, and their equal weights once."""

from pathlib import Path

import numpy as np
import pytest
import saved_models
from loader_zoo import run_node
from zoos import Build, Zoo

from pipeline.fetch.address.source import parse_source
from pipeline.inspection.subject import open_subject
from pipeline.tfjs.model.model_json import load_model_json

pytestmark = pytest.mark.tensorflow

TABLE = 1000 * 32
NUM_BYTES = {"float32": 4, "uint8": 1}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Zoo, Build]:
    zoo = Zoo(tmp_path_factory.mktemp("signatures") / "zoo")
    source = str(saved_models.built() / "shared")
    model = {"name": "text", "title": "Text", "source": f"file:{source}", "variants": ["uint8"]}
    zoo.manifest["models"] = [
        model | {"signatures": ["encode", "Find_topic"]},
        model | {"name": "lost", "signatures": {"typo": "find_topic"}},
        model | {"signature_name": "typo"},
    ]
    return zoo, zoo.build()


def test_each_signature_is_a_model_that_is_proved(built: tuple[Zoo, Build]) -> None:
    zoo, _ = built

    for name, key, output in (
        ("text-encode", "encode", "code"),
        ("text-find_topic", "Find_topic", "topic"),
    ):
        entry = zoo.entry(name)
        assert entry["status"] == "ok"
        assert entry["title"] == f"Text ({key})"
        assert entry["source"]["signatureKey"] == key
        assert [one["name"] for one in entry["outputs"]] == [output]
        assert [one["status"] for one in entry["variants"]] == ["ok", "ok"]


def test_a_misspelt_signature_is_named_with_those_there_are(built: tuple[Zoo, Build]) -> None:
    reason = built[1].failures["convert:lost-typo"]

    assert "no signature 'find_topic'; it has 'Find_topic', 'encode'" in reason
    assert "did you mean 'Find_topic'?" in reason


def test_the_table_that_both_read_is_published_once(built: tuple[Zoo, Build]) -> None:
    zoo, _ = built
    entries = [zoo.entry(name) for name in ("text-encode", "text-find_topic")]

    for i, (dtype, num_bytes) in enumerate(NUM_BYTES.items()):
        first, second = (
            {file["path"] for file in each["variants"][i]["files"]} for each in entries
        )
        sizes = {(zoo.dist / path).stat().st_size for path in first & second}
        assert all(path.startswith("models/text/weights/") for path in first & second)
        assert TABLE * num_bytes in sizes, dtype
    weights = list((zoo.dist / "models/text/weights").iterdir())
    own = {path.stat().st_size for path in weights}
    assert own >= {32 * 512 * 4, 32 * 600 * 4, 32 * 512, 32 * 600, TABLE * 4, TABLE}
    assert not list(zoo.dist.glob("models/text-*/**/*.bin")) or all(
        "vectors" in str(path) for path in zoo.dist.glob("models/text-*/**/*.bin")
    )


def test_a_published_model_can_be_a_source_again(built: tuple[Zoo, Build], tmp_path: Path) -> None:
    zoo, _ = built

    for path in (zoo.entry("text-encode")["modelPath"], "models/text-encode/float32/model.json"):
        with open_subject(
            parse_source(f"file:{zoo.dist / path}"),
            root=tmp_path,
            cache=tmp_path / "cache",
            progress=lambda *_: None,
        ) as subject:
            found = list(load_model_json(subject.path).weights)
        assert TABLE in {weight.size for weight in found}


def test_the_loader_and_tensorflow_js_itself_find_shared_shards(built: tuple[Zoo, Build]) -> None:
    zoo, _ = built
    found = run_node(
        zoo.dist / "zoo.js",
        """
        const asked = [];
        const kept = new Map();
        const cache = {
          match: async (key) => kept.get(key)?.clone(),
          put: async (key, response) => void kept.set(key, response),
          delete: async (key) => kept.delete(key),
        };
        const {readFile} = await import('node:fs/promises');
        const fetcher = async (href) => {
          asked.push(href);
          return new Response(await readFile(new URL(href)));
        };
        const zoo = await open(args[0], {tf, cache, fetch: fetcher});
        const results = {};
        for (const name of ['text-encode', 'text-find_topic']) {
          const model = await zoo.load(name);
          const ids = tf.tensor2d([[1, 2, 3, 4]], undefined, 'int32');
          results[name] = Object.values(await model.run({token_ids: ids}, {as: 'arrays'}))[0];
        }
        const alias = new URL('models/text-encode/float32/model.json', args[0]);
        const handler = {load: async () => {
          const {weightsManifest, ...content} = JSON.parse(await readFile(alias));
          const paths = weightsManifest.flatMap(({paths}) => paths);
          const shards = await Promise.all(paths.map((path) => readFile(new URL(path, alias))));
          return {...content, weightSpecs: weightsManifest.flatMap(({weights}) => weights),
            weightData: new Uint8Array(Buffer.concat(shards)).buffer};
        }};
        const plain = await tf.loadGraphModel(handler);
        const ids = tf.tensor2d([[1, 2, 3, 4]], undefined, 'int32');
        results.plain = await plain.predict(ids).array();
        return {results, weights: asked.filter((href) => href.includes('/weights/'))};
        """,
        f"{zoo.dist.as_uri()}/",
    )

    assert found["results"]["plain"] == found["results"]["text-encode"]
    assert np.shape(found["results"]["text-find_topic"]) == (1, 600)
    assert len(found["weights"]) == len(set(found["weights"])), "a shard was fetched twice"


def test_files_of_a_model_with_the_name_of_the_family_are_listed_beside_the_shards(
    built: tuple[Zoo, Build],
) -> None:
    zoo, _ = built
    shards = set(zoo.dist.glob("models/text/weights/*.bin"))
    for signature in ("encode", "typo"):  # it is built, and fails with its files kept
        zoo.manifest["models"][-1]["signature_name"] = signature
        zoo.build()

        listed = [file["path"] for made in zoo.entry("text")["variants"] for file in made["files"]]
        assert listed
        assert all((zoo.dist / path).is_file() for path in listed)
        assert shards
        assert all(shard.is_file() for shard in shards)
