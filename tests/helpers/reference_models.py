"""Small real SavedModels to run, made by TensorFlow in a child process, as in saved_models.py."""

import functools
import sys
from pathlib import Path
from typing import Any

from build_in_child import build_in_child


@functools.cache
def built() -> Path:
    """Return a folder with all models, made by the first call and removed at exit."""
    return build_in_child(__file__, prefix="reference models ")


def write_models(folder: Path) -> None:
    """Write all models into the folder; imports TensorFlow."""
    import tensorflow as tf

    def save(name: str, function: Any, *specs: Any) -> None:
        module = tf.Module()
        module.call = tf.function(function, input_signature=specs)
        tf.saved_model.save(module, str(folder / name), signatures={"serving_default": module.call})

    image = tf.TensorSpec([None, None, None, 3], tf.uint8, name="image")
    ids = tf.TensorSpec([None, 12], tf.int64, name="ids")
    features = tf.TensorSpec([None, 4], tf.float32, name="features")
    count = tf.TensorSpec([None], tf.int64, name="count")
    table = tf.Variable(tf.reshape(tf.range(80.0), [40, 2]))

    def only_96(image: Any) -> Any:
        pixels = tf.cast(image, tf.float32)
        return {"rows": tf.reduce_mean(tf.reshape(pixels, [tf.shape(image)[0], 96, 96, 3]), [2, 3])}

    def embed(ids: Any) -> Any:
        return {"vectors": tf.gather(table, ids), "is_first": tf.equal(ids, 0)}

    def sample(features: Any) -> Any:
        noise = tf.random.normal(tf.shape(features))
        return {"mean": tf.reduce_mean(features, 1), "sample": features + noise}

    def shout(texts: Any) -> Any:
        return {"loud": tf.strings.regex_replace(texts, "[aeiou]", "!")}

    def far(count: Any) -> Any:
        return {"far": count * 2**30}

    def beyond(features: Any) -> Any:
        return {"y": features * 1e30 * 1e-30}

    save("only_96", only_96, image)
    module = tf.Module()
    module.table = table
    module.call = tf.function(embed, input_signature=[ids])
    tf.saved_model.save(module, str(folder / "embed"), signatures={"serving_default": module.call})
    save("sample", sample, features)
    save("shout", shout, tf.TensorSpec([None], tf.string, name="texts"))
    save("far", far, count)
    save("beyond", beyond, features)


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
