"""Made-up functions of nested loops, branches and lists: TensorFlow against TensorFlow.js.

    python benchmarks/kernels/control_flow.py [--seed 0] [--count 40]

Each function is a tree of loops, scans, maps, branches and lists of tensors, drawn by its number.
It is written with `control_flow_v2` and without, and runs on cpu and wasm. README.md has the last
result.
"""

import argparse
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/helpers")]

import numpy as np  # noqa: E402  # behind the path
import tensorflow as tf  # noqa: E402  # behind the path
from flows import name_folder, write_flow  # noqa: E402  # behind the path
from run_cases import load_arrays, read_outputs, run_folders  # noqa: E402  # behind the path

Tree = Callable[[Any, Any, Any], Any]
"""A function of two vectors of three numbers and a whole number, which returns a vector."""

BACKENDS = ("cpu", "wasm")
_MOST_STEPS = 4


def draw_leaf(dice: random.Random) -> Tree:
    """Return a function without control flow."""
    factor = round(dice.uniform(-1.5, 1.5), 2)
    constant = [round(dice.uniform(-1, 1), 2) for _ in range(3)]
    leaves: Sequence[Tree] = (
        lambda x, y, _: x * factor + y,
        lambda _x, _y, _: tf.constant(constant),
        lambda x, _y, _: tf.tanh(x + factor),
        lambda x, _y, _: tf.cast(tf.math.top_k(x, 3).indices, tf.float32) * factor,
        lambda _x, y, _: tf.reverse(y, [0]) + factor,
        lambda x, _y, _: tf.cumsum(x) * 0.5,
        lambda _x, y, _: y,
        lambda x, _y, k: x + tf.cast(k, tf.float32),
        lambda x, y, _: tf.gather(y, tf.math.top_k(x, 3).indices),
        lambda x, y, _: tf.stack(tf.unstack(x, 3)[::-1]) - y,
    )
    return dice.choice(leaves)


def draw_tree(dice: random.Random, depth: int) -> Tree:
    """Return a function with control flow nested up to a depth."""
    if depth == 0 or dice.random() < 0.1:  # noqa: PLR2004  # a share of early leaves
        return draw_leaf(dice)
    inner = draw_tree(dice, depth - 1)
    other, third = (draw_tree(dice, dice.randrange(depth)) for _ in range(2))
    limit = round(dice.uniform(-1, 1), 2)
    known = dice.choice([None, *range(_MOST_STEPS + 1)])

    def count(k: Any) -> Any:
        return tf.clip_by_value(k, 0, _MOST_STEPS) if known is None else tf.constant(known)

    branches = _list_branches(inner, other, third, limit)
    return dice.choice([*branches, *_list_loops(inner, limit, count), *_list_lists(inner, count)])


def _list_branches(inner: Tree, other: Tree, third: Tree, limit: float) -> Sequence[Tree]:
    def one_of_two(x: Any, y: Any, k: Any) -> Any:
        return tf.cond(tf.reduce_sum(x) > limit, lambda: inner(x, y, k), lambda: other(x, y, k))

    def several_results(x: Any, y: Any, k: Any) -> Any:
        u, v, w = tf.cond(
            y[0] > limit,
            lambda: (inner(x, y, k), tf.constant(1.0), k),
            lambda: (other(x, y, k), y[1], tf.constant(3)),
        )
        return u * v + tf.cast(w, tf.float32)

    def one_of_three(x: Any, y: Any, k: Any) -> Any:
        given = [lambda each=each: each(x, y, k) for each in (inner, other, third)]
        return tf.switch_case(tf.cast(tf.argmax(x), tf.int32), given)

    return one_of_two, several_results, one_of_three


def _list_loops(inner: Tree, limit: float, count: Callable[[Any], Any]) -> Sequence[Tree]:
    def counted(x: Any, y: Any, k: Any) -> Any:
        return tf.while_loop(
            lambda i, _: i < count(k), lambda i, z: (i + 1, inner(z, y, i) * 0.5), [0, x]
        )[1]

    def exchanged(x: Any, y: Any, k: Any) -> Any:
        _, p, q = tf.while_loop(
            lambda i, *_: i < count(k), lambda i, p, q: (i + 1, q, inner(p, q, i) * 0.5), [0, x, y]
        )
        return p - q

    def stopped(x: Any, y: Any, _: Any) -> Any:
        def step(i: Any, z: Any, stop: Any) -> Any:
            now = tf.cond(z[0] > limit, lambda: tf.constant(True), lambda: stop)
            return i + 1, tf.where(stop, z, inner(z, y, i) * 0.5), now

        def goes_on(i: Any, _: Any, stop: Any) -> Any:
            return tf.cond(
                i < _MOST_STEPS, lambda: tf.logical_not(stop), lambda: tf.constant(False)
            )

        return tf.while_loop(goes_on, step, [0, x, False])[1]

    def scanned(x: Any, y: Any, k: Any) -> Any:
        rows = tf.stack([x, y, x * y])
        return tf.scan(lambda total, each: inner(total, each, k) * 0.5, rows)[2]

    return counted, exchanged, stopped, scanned


def _list_lists(inner: Tree, count: Callable[[Any], Any]) -> Sequence[Tree]:
    def mapped(x: Any, y: Any, k: Any) -> Any:
        return tf.reduce_sum(tf.map_fn(lambda s: inner(s, x, k), tf.stack([x, y, x + y])), 0)

    def mapped_of_some(x: Any, y: Any, k: Any) -> Any:
        rows = tf.tile(x[None], [count(k), 1]) + tf.cast(tf.range(count(k)), tf.float32)[:, None]
        made = tf.map_fn(lambda s: tf.ensure_shape(inner(s, y, k), [3]), rows)
        return tf.reduce_sum(tf.ensure_shape(made, [None, 3]), 0)

    def mapped_to_two(x: Any, y: Any, k: Any) -> Any:
        u, v = tf.map_fn(
            lambda s: (inner(s, y, k), tf.math.top_k(s, 2).indices),
            tf.stack([x, y]),
            fn_output_signature=(tf.float32, tf.int32),
        )
        return tf.reduce_sum(u, 0) + tf.cast(tf.reduce_sum(v), tf.float32)

    def grown(x: Any, y: Any, k: Any) -> Any:
        array = tf.TensorArray(tf.float32, 0, dynamic_size=True, element_shape=[3])
        _, array = tf.while_loop(
            lambda i, _: i < count(k),
            lambda i, array: (i + 1, array.write(i, inner(x, y, i))),
            [0, array],
        )
        return tf.reduce_sum(array.stack(), 0)

    def left_early(x: Any, y: Any, k: Any) -> Any:
        size = tf.maximum(k, _MOST_STEPS)
        array = tf.TensorArray(tf.float32, size, element_shape=[3])
        _, array, _ = tf.while_loop(
            lambda i, _, total: tf.logical_and(i < size, total < 2.0),  # noqa: PLR2004  # any
            lambda i, array, total: (i + 1, array.write(i, inner(x, y, i)), total + 0.7),
            [0, array, 0.0],
        )
        stacked = array.stack()
        return tf.reduce_sum(stacked, 0) + tf.cast(tf.shape(stacked)[0], tf.float32)

    return mapped, mapped_of_some, mapped_to_two, grown, left_early


def _judge(folder: Path, backend: str) -> str | None:
    try:
        made = read_outputs(folder, backend)
    except Exception as failure:  # noqa: BLE001  # of any kind
        return str(failure).splitlines()[0][:120]
    for key, expected in load_arrays(folder / "expected.npz").items():
        if made[key].shape != expected.shape:
            return f"{made[key].shape} for {expected.shape}"
        if not np.allclose(made[key], expected, rtol=1e-4, atol=1e-5):
            return f"{made[key].tolist()} for {expected.tolist()}"
    return None


def run(folder: Path, numbers: Sequence[int]) -> Counter[str]:
    """Run functions by their numbers, print what differs, and count the verdicts."""
    verdicts: Counter[str] = Counter()
    written = []
    for number in numbers:
        dice = random.Random(number)  # noqa: S311  # the same functions each time
        values = np.random.default_rng(number)
        tree = draw_tree(dice, dice.choice([1, 2, 2, 3]))

        def shaped(x: Any, y: Any, k: Any, tree: Tree = tree) -> Any:
            return tree(tf.ensure_shape(x, [3]), tf.ensure_shape(y, [3]), k)

        given = (*values.normal(size=(2, 3)).astype(np.float32), np.int32(number % 5))
        for v2 in (False, True):
            place = folder / name_folder(str(number), v2=v2, after=True)
            try:
                write_flow((shaped, given), place, v2=v2, after=True)
                written.append(place)
            except Exception as refusal:  # noqa: BLE001  # of any kind
                verdicts["refused"] += 1
                print(f"refused  {place.name}: {str(refusal)[:150]}")
    run_folders(written, BACKENDS)
    for place in written:
        wrong = {each: found for each in BACKENDS if (found := _judge(place, each))}
        verdicts["wrong" if wrong else "right"] += 1
        if wrong:
            print(f"wrong    {place.name}: {wrong}")
    return verdicts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=40)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        print(dict(run(Path(temporary), range(asked.seed, asked.seed + asked.count))))
