"""Lowerings of modified Bessel functions, by the formulas of Moshier's Cephes library (i0ef, i1ef).

Eigen computes with the same series of Chebyshev (unsupported/Eigen/src/SpecialFunctions).
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from pipeline.tf.lower.lowering_rule import Lowering

_MIDDLE_TO = 8.0
# Of order 0 and 1: up to 8 in x / 2 - 2, and beyond in 32 / x - 2.
_ORDER_0 = (
    (-1.30002500998624804212e-8, 6.04699502254191894932e-8, -2.67079385394061173391e-7,
     1.11738753912010371815e-6, -4.41673835845875056359e-6, 1.64484480707288970893e-5,
     -5.75419501008210370398e-5, 1.88502885095841655729e-4, -5.76375574538582365885e-4,
     1.63947561694133579842e-3, -4.32430999505057594430e-3, 1.05464603945949983183e-2,
     -2.37374148058994688156e-2, 4.93052842396707084878e-2, -9.49010970480476444210e-2,
     1.71620901522208775349e-1, -3.04682672343198398683e-1, 6.76795274409476084995e-1),
    (3.39623202570838634515e-9, 2.26666899049817806459e-8, 2.04891858946906374183e-7,
     2.89137052083475648297e-6, 6.88975834691682398426e-5, 3.36911647825569408990e-3,
     8.04490411014108831608e-1),
)  # fmt: skip
_ORDER_1 = (
    (9.38153738649577178388e-9, -4.44505912879632808065e-8, 2.00329475355213526229e-7,
     -8.56872026469545474066e-7, 3.47025130813767847674e-6, -1.32731636560394358279e-5,
     4.78156510755005422638e-5, -1.61760815825896745588e-4, 5.12285956168575772895e-4,
     -1.51357245063125314899e-3, 4.15642294431288815669e-3, -1.05640848946261981558e-2,
     2.47264490306265168283e-2, -5.29459812080949914269e-2, 1.02643658689847095384e-1,
     -1.76416518357834055153e-1, 2.52587186443633654823e-1),
    (-3.83538038596423702205e-9, -2.63146884688951950684e-8, -2.51223623787020892529e-7,
     -3.88256480887769039346e-6, -1.10588938762623716291e-4, -9.76109749136146840777e-3,
     7.78576235018280120474e-1),
)  # fmt: skip


def _sum_chebyshev(coefficients: Sequence[float], x: tf.Tensor) -> tf.Tensor:
    """Return a series of Chebyshev polynomials of x / 2 by Clenshaw's recurrence (chbevl)."""
    newest, older, oldest = tf.zeros_like(x) + coefficients[0], tf.zeros_like(x), tf.zeros_like(x)
    for coefficient in coefficients[1:]:
        oldest, older = older, newest
        newest = x * older - oldest + coefficient
    return 0.5 * (newest - oldest)


def _scaled(x: tf.Tensor, order: int) -> tf.Tensor:
    """Return exp(-|x|) times the function of an order."""
    middle, end = _ORDER_1 if order else _ORDER_0
    size = tf.abs(x)
    near = _sum_chebyshev(middle, 0.5 * tf.minimum(size, _MIDDLE_TO) - 2.0)
    large = tf.maximum(size, _MIDDLE_TO)
    far = _sum_chebyshev(end, 32.0 / large - 2.0) * tf.math.rsqrt(large)
    made = tf.where(size <= _MIDDLE_TO, near * size if order else near, far)
    return tf.where(x < 0, -made, made) if order else made


def _bessel(order: int, *, is_scaled: bool) -> Any:
    def lower(*, x: tf.Tensor, **_: Any) -> tf.Tensor:
        given = tf.cast(x, tf.float32)
        made = _scaled(given, order)
        return tf.cast(made if is_scaled else made * tf.exp(tf.abs(given)), x.dtype)

    return lower


RULES = {
    f"BesselI{order}{'e' if is_scaled else ''}": Lowering(
        lower=_bessel(order, is_scaled=is_scaled), becomes="the formula of Cephes"
    )
    for order in (0, 1)
    for is_scaled in (False, True)
}
