"""Models that read texts, with what TensorFlow answers; `python text_models.py FOLDER` writes them.

`ops` has an output for each way of each op on texts, `rare` one for each way of those that few
models need, on texts in many scripts; `words` and `characters` are Keras'
TextVectorization: tf-idf over pairs of words, and ids of characters. For each there is
`<name>.npz`: the input `text`, and the outputs by name, texts as objects.
"""

import functools
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from build_in_child import build_in_child

TEXTS = [
    "Great, GREAT food!", "the  room was\tnot kind", "", " Größe — Ünknown naïve café \n", "a,b,,c",
    "日本語 と emoji 🙂🙃", "x" * 70, "ΑΣ σας ΌΣΟ",
    "tab\tand\vvertical", "[brackets] (and) {braces} a-b",
]  # fmt: skip
NUMBERS = [
    " 1.5e3 ",
    "-.25",
    "+7",
    "inf",
    "-INF",
    "16777217.0000001",
    "3.4e39",
    "1e-50",
    "0.1",
    "7.",
]
NINE = 9.0
LETTERS = [
    "abcXYZ é", "αβγΔΩς", "привет", "שלוםאב", "سلام\u064b", "नमस्ते", "สวัสดี", "한국어각",
    "漢字𠀀国", "ひらがな", "カタカナー", "გამარ", "բարև", "ሰላም", "வணக்கம்", "🙂\U0001fae0👍🏽\u200d",
    "'\"\\\n\t\r\x01\x7f", "0123-_=,.;{}",
]  # fmt: skip
BASE64 = ["", "AB", "ABC", "AB==", "ABC=", "-_-_", "TWFuTWE", "_x--8w"]
PATTERNS = [
    (r"[!\"#$%&()\*\+,-\./:;<=>?@\[\\\]^_`{|}~\']", ""), (r"(\w)(\W*)", r"\2<\1>"), (r"a*", "-"),
    (r"[^[:alpha:][:space:]]+", "#"), (r"\bthe\b|\s+$", "_"), (r"(?:[A-Z]{2,})(?P<x>.?)", r"\\\1"),
    (r"(?i)\bGREAT\b|[x-z]+|ς|GRÖSSE", "i"), (r"(?s)t.*x", "s"), (r"(?mi)^T|D$", "m"),
    (r"\p{L}+", "L"), (r"[\d\-x]{2,3}}", "D"), (r"^.|.$", "E"), (r"\x{1F642}|[é-ñ]", "U"),
]  # fmt: skip


@functools.cache
def built() -> Path:
    """Return a folder with all models, made by the first call and removed at exit."""
    return build_in_child(__file__, prefix="text models ")


def convert(source: Path, folder: Path) -> None:
    """Convert a SavedModel as the step does; a job of the pool."""
    from dataclasses import replace

    from pipeline.records.flags import ConversionFlags
    from pipeline.tf.saved_model.convert_saved_model import convert_saved_model
    from pipeline.tfjs.model.model_json import format_model_json, load_model_json
    from pipeline.tfjs.rewrite.rewrite import rewrite_graph

    convert_saved_model(source=source, folder=folder, flags=ConversionFlags())
    made = load_model_json(folder / "model.json")
    content, _ = rewrite_graph(made.content)
    (folder / "model.json").write_bytes(format_model_json(replace(made, content=content)))


def write_models(folder: Path) -> None:
    """Write all models into the folder; imports TensorFlow."""
    import numpy as np
    import tensorflow as tf
    import tf_keras as k

    texts = tf.constant(TEXTS)
    _save(tf, folder, "ops", _ops(tf), texts)
    _save(tf, folder, "rare", _rare_ops(tf), tf.constant(_many_texts()))
    for name, options in {
        "words": {"ngrams": 2, "output_mode": "tf_idf"},
        "characters": {"split": "character", "output_sequence_length": 24},
    }.items():
        layer = k.layers.TextVectorization(**options)
        layer.adapt(tf.constant([text for text in TEXTS if text.strip()]))
        text = k.Input((1,), dtype="string", name="text")
        model = k.Model(text, layer(text))
        model.save(str(folder / name), save_format="tf")
        column = np.array(TEXTS, object)[:, None]
        np.savez(
            folder / f"{name}.npz", text=column, **{layer.name: model.predict(column, verbose=0)}
        )


def _ops(tf: Any) -> Callable[[Any], dict[str, Any]]:
    """Return a function with an output for each way of each op."""
    s = tf.strings

    def compute(text: Any) -> dict[str, Any]:
        decoded = s.unicode_decode(text, "UTF-8")
        codes, starts = s.unicode_decode_with_offsets(
            text, "UTF-8", replace_control_characters=True
        )
        parts, sizes = s.split(text, ",", maxsplit=2), tf.cast(s.length(text), tf.float32)
        grams = s.ngrams(s.bytes_split(text), 3, separator="").to_tensor("")
        made = {
            "grams": s.to_hash_bucket_fast(tf.gather_nd(grams, tf.where(grams != "")), 2**31 - 1),
            "length": s.length(text),
            "characters": s.length(text, unit="UTF8_CHAR"),
            "lower": s.lower(text),
            "lower_all": s.lower(text, encoding="utf-8"),
            "upper": s.upper(text),
            "upper_all": s.upper(text, encoding="utf-8"),
            "strip": s.strip(text),
            "joined": s.join([text, "/", s.lower(text)], separator="|"),
            "begin": s.substr(text, 0, 3, unit="UTF8_CHAR"),
            "end": s.substr(s.join(["abc", text]), -3, 2),
            "words": s.split(text).to_tensor(""),
            "parts": parts.to_tensor("-"),
            "sizes": parts.row_lengths(),
            "codes": decoded.to_tensor(-1),
            "encoded": s.unicode_encode(decoded, "UTF-8"),
            "starts": starts.to_tensor(-1),
            "visible": codes.to_tensor(-1),
            "letters": s.unicode_split(text, "UTF-8").to_tensor("."),
            "transcoded": s.unicode_transcode(
                text, "UTF-8", "UTF-8", replace_control_characters=True
            ),
            "bucket": s.to_hash_bucket_fast(text, 2**31 - 1),
            "strong": s.to_hash_bucket_strong(text, 1000, [2**62 + 1, 77]),
            "numbers": s.as_string(s.length(text) - 20),
            "halves": s.as_string(sizes / 128 - 0.25),
            "places": s.as_string(sizes / 8, precision=2),
            "flags": s.as_string(sizes > NINE),
            "all": s.reduce_join(text, separator="; "),
            "read": s.to_number(s.join([s.substr(text, 0, 0), tf.constant(NUMBERS)])),
            "read_whole": s.to_number(s.as_string(s.length(text) - 20), tf.int32),
            "is_empty": tf.equal(text, ""),
            "is_other": tf.not_equal(text, TEXTS[0]),
            "is_one_of": tf.equal(text[:, None], TEXTS[2:5]),
            "columns": tf.gather(tf.stack([text, s.upper(text)], 1), [[1], [0]], axis=1),
            "gathered": tf.gather(tf.constant(["no", "größer"]), tf.cast(sizes > NINE, tf.int32)),
        }
        for i, (pattern, rewrite) in enumerate(PATTERNS):
            made[f"replaced_{i}"] = s.regex_replace(text, pattern, rewrite)
            made[f"once_{i}"] = s.regex_replace(text, pattern, rewrite, replace_global=False)
            flags = "".join(re.findall(r"^\(\?[ism]+\)", pattern))
            repeated = f"{flags}(?:{pattern.removeprefix(flags)})+"
            made[f"matches_{i}"] = s.regex_full_match(text, repeated)
        return made

    return compute


def _many_texts() -> list[str]:
    """Return 300 texts of up to 20 characters, of one script or two."""
    chosen = random.Random(7)
    return [
        "".join(chosen.choices("".join(chosen.sample(LETTERS, 1 + n % 2)), k=n % 21))
        for n in range(300)
    ]


def _many_floats(np: Any) -> Any:
    """Return 300 numbers: any bits of float32, fractions that end in 5, whole numbers, others."""
    chosen = np.random.default_rng(7)
    any_bits = chosen.integers(0, 2**32, 150, np.uint32).view(np.float32)
    halves = chosen.integers(1, 2**24, 70) * 2.0 ** chosen.integers(-40, 3, 70)
    whole = chosen.integers(-(10**7), 10**7, 67)
    special = [0.0, -0.0, np.inf, -np.inf, 1e-40, -1e-40, 2**-13, 0.1]
    steps = [1e-4, 1e-5, 999999.5, 1e6, 123456789]
    return np.concatenate([any_bits, halves, whole, special, steps]).astype(np.float32)


def _rare_ops(tf: Any) -> Callable[[Any], dict[str, Any]]:
    """Return a function with an output for each way of each op that few models need."""
    import numpy as np

    r, floats = tf.raw_ops, _many_floats(np)

    def compute(text: Any) -> dict[str, Any]:
        # Gathered by places that only the run knows, so that nothing is computed beforehand.
        count = tf.size(text)
        numbers = tf.gather(floats, tf.range(count))
        cube = tf.reshape(tf.range(count), [-1, 5, 6])
        segments = tf.strings.length(text) % 7
        pairs = tf.reshape(text, [-1, 2])
        made = {
            "script": r.UnicodeScript(input=tf.range(-4, 0x32400 + count)),
            "encoded": r.EncodeBase64(input=text),
            "padded": r.EncodeBase64(input=pairs, pad=True),
            "decoded": r.DecodeBase64(input=r.EncodeBase64(input=text)),
            "decoded_padded": r.DecodeBase64(input=r.EncodeBase64(input=text, pad=True)),
            "decoded_more": r.DecodeBase64(input=tf.gather(BASE64, tf.range(count) % len(BASE64))),
            "bucket": r.StringToHashBucket(string_tensor=pairs, num_buckets=2**31 - 1),
            "few_buckets": r.StringToHashBucket(string_tensor=text, num_buckets=1000),
            "joined": _join(tf, text, segments, 8, "·"),
            "joined_pairs": _join(tf, pairs, segments[::2], tf.reduce_max(segments) + 1, ""),
            "joined_all": _join(tf, pairs, tf.reshape(segments, [-1, 2]), 7, ", "),
            "formatted": tf.strings.format("{} größer {}{}", (text, count, text[0]), summarize=-1),
            "other_form": r.StringFormat(
                inputs=[text[3], count], template="%s%s\0!", placeholder="%s"
            ),
            "floats": tf.strings.format("{}", [numbers], summarize=-1),
            "flags": tf.strings.format("{}|{}", (numbers > 1, (numbers > 1)[:0])),
            "constant": tf.strings.format("none", []),
        }
        for limit in (-1, 0, 1, 2):
            for name, tensor in {"cube": cube, "pairs": pairs[:7], "none": pairs[:, :0]}.items():
                made[f"{name}_{limit + 1}"] = tf.strings.format("{}", [tensor], summarize=limit)
        made["hidden"] = tf.strings.format("{}", [count], summarize=0)
        return made

    return compute


def _join(tf: Any, texts: Any, segments: Any, count: Any, separator: str) -> Any:
    return tf.strings.unsorted_segment_join(texts, segments, count, separator)


def _save(tf: Any, folder: Path, name: str, compute: Callable[..., Any], texts: Any) -> None:
    import numpy as np

    module = tf.Module()
    module.call = tf.function(compute, [tf.TensorSpec([None], tf.string, "text")])
    tf.saved_model.save(module, str(folder / name), signatures=module.call)
    outputs = {
        key: np.asarray(tensor.numpy(), object if tensor.dtype == tf.string else None)
        for key, tensor in module.call(texts).items()
    }
    np.savez(folder / f"{name}.npz", text=texts.numpy(), **outputs)


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
