"""Checks of values with tracked orders of axes, which a child process with TensorFlow runs."""

from typing import Any

import numpy as np


def add_sizes() -> list[bool]:
    """Return whether expressions of sizes are equal that have to be."""
    import tensorflow as tf

    from pipeline.tf.layout.sizes import new_size

    tensor = tf.zeros([6, 4])
    n, m = new_size(tensor, 0, "n"), new_size(tensor, 1, "m")
    return [
        n * 4 // 2 == n + n,
        (n * 6 + 5) // 6 == n,
        (n - 1) // 2 + 1 == 1 + (n + -1) // 2,
        n * m // m == n,
        n * m // (m * n) == 1,
        (n + m) * 2 - m - m == n * 2,
        n != m,
        new_size(tensor, 0) != new_size(tensor, 0),
        new_size(tensor, 1, "n") == n,
    ]


def materialize_sizes(sizes: tuple[int, int]) -> list[int]:
    """Return expressions of two sizes, computed in a graph."""
    import tensorflow as tf

    from pipeline.tf.layout.sizes import materialize, new_size

    def run(tensor: Any) -> Any:
        n, m = new_size(tensor, 0), new_size(tensor, 1)
        return [materialize(each) for each in (n, n * m + 3, (n - 1) // 2, m * 5 // n, 10 // m)]

    signature = [tf.TensorSpec([None, None])]
    function = tf.function(run, input_signature=signature, autograph=False)
    return [int(made) for made in function(tf.zeros(sizes))]


def reshape_held(
    shape: tuple[int, ...], order: tuple[int, ...], sizes: tuple[int, ...]
) -> tuple[bool, tuple[int, ...]]:
    """Reshape a value that is held in an order; return whether it is right, and its order."""
    from pipeline.tf.layout.reshape import reshape
    from pipeline.tf.layout.value import arrange, constant, wrap

    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    held = wrap(arrange(constant(array), order).tensor, "float32", order=order)
    made = reshape(held, sizes)
    return bool(np.array_equal(made.plain, array.reshape(sizes))), made.order


def operate(name: str) -> bool:
    """Return whether an operation on a value held with its channels last is right."""
    import tensorflow as tf

    from pipeline.tf.layout.elementwise import elementwise
    from pipeline.tf.layout.matmul import matmul
    from pipeline.tf.layout.value import arrange, constant, transpose, wrap

    array = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    order = (0, 2, 3, 1)
    held = wrap(arrange(constant(array), order).tensor, "float32", order=order)
    bias = constant(np.arange(3, dtype=np.float32).reshape(3, 1, 1))
    match name:
        case "broadcast":
            made = elementwise(tf.add, [bias, held])
            return made.order == order and bool(np.allclose(made.plain, array + bias.array))
        case "transpose":
            made = transpose(held, (0, 2, 3, 1))
            return made.is_natural and bool(np.allclose(made.plain, array.transpose(order)))
        case _:
            other = wrap(tf.constant(array), "float32")
            made = matmul(held, transpose(other, (0, 1, 3, 2)))
            return bool(np.allclose(made.plain, array @ array.swapaxes(2, 3), atol=1e-5))
