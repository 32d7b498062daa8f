"""Values with tracked orders of axes: open sizes, reshapes, broadcasting."""

import layout_checks
import pytest
from tensorflow_child import run_in_tensorflow as run

pytestmark = pytest.mark.tensorflow


def test_sizes_are_equal_where_their_expressions_are() -> None:
    assert run(layout_checks.add_sizes) == [True] * 9


@pytest.mark.parametrize("sizes", [(7, 3), (2, 9)])
def test_a_size_is_computed_in_the_graph(sizes: tuple[int, int]) -> None:
    n, m = sizes

    assert run(layout_checks.materialize_sizes, sizes) == [
        n, n * m + 3, (n - 1) // 2, m * 5 // n, 10 // m,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "order", "sizes", "kept"),
    [
        pytest.param((2, 8, 3, 4), (0, 2, 3, 1), (2, 2, 4, 3, 4), (0, 3, 4, 1, 2), id="shuffle"),
        pytest.param((2, 8, 1, 1), (0, 2, 3, 1), (2, 8), (0, 1), id="flatten after a pool"),
        pytest.param((2, 8, 3, 4), (0, 2, 3, 1), (2, 8, 12), (0, 2, 1), id="space together"),
        pytest.param((2, 8, 3, 4), (0, 2, 3, 1), (2, 96), (0, 1), id="rearranged"),
        pytest.param((2, 6), (1, 0), (2, 1, 6), (1, 2, 0), id="an axis of 1"),
        pytest.param((2, 3, 4), (0, 2, 1), (6, 4), (0, 1), id="groups are apart"),
    ],
)
def test_a_reshape_keeps_the_order_where_groups_lie_together(
    shape: tuple[int, ...], order: tuple[int, ...], sizes: tuple[int, ...], kept: tuple[int, ...]
) -> None:
    is_right, made = run(layout_checks.reshape_held, shape, order, sizes)

    assert is_right
    assert sorted(made) == list(range(len(sizes)))
    assert made == kept


@pytest.mark.parametrize("name", ["broadcast", "transpose", "matmul"])
def test_operations_work_on_the_order_that_comes(name: str) -> None:
    assert run(layout_checks.operate, name)
