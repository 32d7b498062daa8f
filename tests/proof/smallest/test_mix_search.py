"""The search, on models whose errors are known."""

from collections.abc import Sequence
from itertools import product

import numpy as np

from pipeline.proof.smallest.mix_search import OutOfTime, Search, Trial
from pipeline.proof.smallest.mixes import Array, Choice, Choices, Mix, count_bytes
from pipeline.tfjs.quantize.forms import AS_IN_BASE, Form

HALF, BYTE = Form(dtype="float16"), Form(dtype="uint8")
CHANNELS = Form(dtype="uint8", channels=(1,))
FORMS = (AS_IN_BASE, HALF, CHANNELS, BYTE)


def model(costs: Sequence[Sequence[float]], sizes: Sequence[int]) -> Choices:
    """Return weights: what each costs each output in uint8, and its number of values."""
    return {
        f"w{i}": [
            Choice(form=AS_IN_BASE, num_bytes=4 * size, costs=np.zeros(len(cost))),
            Choice(form=HALF, num_bytes=2 * size, costs=1e-4 * np.array(cost)),
            Choice(form=CHANNELS, num_bytes=size + size // 5, costs=0.1 * np.array(cost)),
            Choice(form=BYTE, num_bytes=size, costs=np.array(cost)),
        ]
        for i, (cost, size) in enumerate(zip(costs, sizes, strict=True))
    }


def total_costs(choices: Choices, mix: Mix) -> Array:
    """Return the costs of all weights of a mix, by output."""
    found = [one.costs for name in choices for one in choices[name] if one.form == mix[name]]
    summed: Array = np.sum(found, axis=0)
    return summed


def searched(choices: Choices, limits: Sequence[float], *, runs: int = 1000) -> Search:
    """Return a search whose mixes pass while the sum of costs of each output is in its limit."""
    left = [runs]

    def run(mix: Mix, num_bytes: int) -> Trial:
        if not left[0]:
            raise OutOfTime
        left[0] -= 1
        total = total_costs(choices, mix)
        failing = [i for i, limit in enumerate(limits) if total[i] > limit]
        return Trial(
            mix=mix,
            num_bytes=num_bytes,
            failing=failing,
            reason="too far" if failing else None,
        )

    search = Search(choices=choices, run=run)
    search.find()
    return search


def least_bytes(choices: Choices, limits: Sequence[float]) -> int:
    """Return the bytes of the smallest mix that passes, of all mixes."""
    found = []
    for forms in product(FORMS, repeat=len(choices)):
        mix = dict(zip(choices, forms, strict=True))
        total = total_costs(choices, mix)
        if all(total[i] <= limit for i, limit in enumerate(limits)):
            found.append(count_bytes(choices, mix))
    return min(found)


def random_model(seed: int, num_outputs: int) -> Choices:
    rng = np.random.default_rng(seed)
    costs = 10.0 ** rng.uniform(-4, 0, (6, num_outputs))
    return model(costs.tolist(), rng.integers(100, 5000, 6).tolist())


def test_the_mix_is_nearly_as_small_as_the_best_of_all() -> None:
    for seed in range(8):
        for num_outputs in (1, 3):
            choices = random_model(seed, num_outputs)
            limits = [0.05] * num_outputs
            best = searched(choices, limits).best

            assert best is not None
            assert best.num_bytes <= 1.1 * least_bytes(choices, limits)


def test_an_output_that_bears_nothing_decides_over_one_that_bears_all() -> None:
    # Every weight harms the first output, which bears much; w0 alone harms the other.
    choices = model([[0.5, 1e-3], [0.5, 0.0], [0.5, 0.0]], [1000, 1000, 1000])
    best = searched(choices, [10.0, 1e-5]).best

    assert best is not None
    assert best.mix == {"w0": HALF, "w1": BYTE, "w2": BYTE}


def test_outputs_that_fail_count_more_on_the_next_way() -> None:
    # Half of the weights harm the output that bears little, by a fifth of what the others do.
    costs = [[1.0, 0.0] if i % 2 else [1e-3, 0.2] for i in range(200)]
    choices = model(costs, [1000] * 200)
    best = searched(choices, [1e3, 4e-3]).best

    assert best is not None
    assert all(best.mix[f"w{i}"] == BYTE for i in range(1, 200, 2))


def test_the_same_model_gives_the_same_trials() -> None:
    choices = random_model(1, 3)
    one, other = (searched(choices, [0.05] * 3).trials for _ in range(2))

    assert [trial.mix for trial in one] == [trial.mix for trial in other]


def test_few_mixes_are_tried() -> None:
    rng = np.random.default_rng(5)
    choices = model(
        (10.0 ** rng.uniform(-4, 0, (200, 1))).tolist(), rng.integers(100, 5000, 200).tolist()
    )

    assert len(searched(choices, [0.5]).trials) < 50


def test_the_best_by_the_end_of_the_time_counts() -> None:
    choices = random_model(1, 3)
    whole = searched(choices, [0.05] * 3)
    cut = searched(choices, [0.05] * 3, runs=8)

    assert (whole.cut, cut.cut) == (False, True)
    assert whole.best is not None
    assert cut.best is not None
    assert whole.best.num_bytes < cut.best.num_bytes


def test_nothing_is_found_where_only_the_base_passes() -> None:
    assert searched(random_model(1, 1), [0.0]).best is None
