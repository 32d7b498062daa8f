"""Mixes: the way from the smallest to the base."""

from collections.abc import Mapping
from itertools import pairwise, product

import numpy as np

from pipeline.proof.smallest.mixes import (
    Choice,
    Choices,
    Mix,
    count_bytes,
    find_way,
    uniform_mixes,
)
from pipeline.tfjs.quantize.forms import AS_IN_BASE, Form

HALF, BYTE = Form(dtype="float16"), Form(dtype="uint8")
CHANNELS = Form(dtype="uint8", channels=(1,))
BLOCKS = Form(dtype="uint8", channels=(1,), block=32)
ONE = np.ones(1)


def choices(**weights: Mapping[Form, tuple[int, float]]) -> Choices:
    """Return the forms of weights: bytes and cost of each; the base costs nothing."""
    return {
        name: [
            Choice(form=form, num_bytes=size, costs=np.array([cost]))
            for form, (size, cost) in forms.items()
        ]
        for name, forms in weights.items()
    }


TWO = choices(
    calm={AS_IN_BASE: (400, 0.0), HALF: (200, 1e-6), BYTE: (100, 1e-4), CHANNELS: (120, 1e-5)},
    tense={AS_IN_BASE: (400, 0.0), HALF: (200, 1e-3), BYTE: (100, 1.0)},
)


def cost(listed: Choices, mix: Mix) -> float:
    return sum(
        float(one.costs[0])
        for name, forms in listed.items()
        for one in forms
        if one.form == mix[name]
    )


def test_the_way_leads_from_the_smallest_mix_to_the_base_a_weight_at_a_time() -> None:
    way = find_way(TWO, ONE)
    mixes = [way.mix(i) for i in range(len(way.steps) + 1)]

    assert mixes[0] == {"calm": BYTE, "tense": BYTE}
    assert mixes[-1] == {"calm": AS_IN_BASE, "tense": AS_IN_BASE}
    assert all(sum(a[name] != b[name] for name in a) == 1 for a, b in pairwise(mixes))


def test_no_mix_is_smaller_and_more_exact_than_one_of_the_way() -> None:
    rng = np.random.default_rng(2)
    forms = (HALF, BYTE, CHANNELS, BLOCKS)
    listed = choices(
        **{
            name: {AS_IN_BASE: (1000, 0.0)}
            | {form: (int(rng.integers(100, 900)), float(rng.random())) for form in forms}
            for name in "abc"
        }
    )
    way = find_way(listed, ONE)

    for number in range(len(way.steps) + 1):
        mix = way.mix(number)
        for other in product((AS_IN_BASE, *forms), repeat=3):
            rival = dict(zip("abc", other, strict=True))
            smaller = count_bytes(listed, rival) < count_bytes(listed, mix)
            assert not (smaller and cost(listed, rival) < cost(listed, mix))


def test_a_form_that_is_larger_and_worse_is_on_no_way() -> None:
    listed = choices(
        only={AS_IN_BASE: (400, 0.0), BYTE: (100, 1e-4), BLOCKS: (150, 1e-3), HALF: (390, 9e-5)}
    )

    assert [form for _, form in find_way(listed, ONE).steps] == [AS_IN_BASE]


def test_uniform_mixes_fall_back_to_float16() -> None:
    listed = choices(
        kernel={AS_IN_BASE: (400, 0.0), HALF: (200, 0.1), BLOCKS: (120, 0.2)},
        bias={AS_IN_BASE: (40, 0.0), HALF: (20, 0.1)},
        scalar={AS_IN_BASE: (4, 0.0)},
    )

    assert list(uniform_mixes(listed)) == [
        {"kernel": HALF, "bias": HALF, "scalar": AS_IN_BASE},
        {"kernel": BLOCKS, "bias": HALF, "scalar": AS_IN_BASE},
    ]
