"""Layers of tensorflow_addons with weights of their own, by their published formulas."""

from typing import Any

import tensorflow as tf
import tf_keras

from pipeline.tf.keras.addon_formula import Formula


class PoincareNormalize(Formula):
    """https://arxiv.org/abs/1705.08039: projects vectors into the unit ball."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Shorten vectors to 1 - epsilon at most."""
        square = tf.reduce_sum(tf.square(inputs), self.options["axis"], keepdims=True)
        longest = 1.0 - self.options["epsilon"]
        return inputs * tf.minimum(longest * tf.math.rsqrt(square), 1.0)


class PolynomialCrossing(Formula):
    """https://arxiv.org/abs/2008.13535, equation 1, with a diagonal."""

    def build(self, input_shape: Any) -> None:
        """Make the kernel, whole or of low rank, and the bias."""
        size, rank = input_shape[-1][-1], self.options["projection_dim"]
        if rank is None:
            self.kernel = self.add_weight("kernel", (size, size))
        else:
            self.kernel_u = self.add_weight("kernel_u", (size, rank))
            self.kernel_v = self.add_weight("kernel_v", (rank, size))
        self.bias = self.add_weight("bias", (size,)) if self.options["use_bias"] else 0.0

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Return x0 * (W x + diagonal * x) + x + bias."""
        first, x = inputs
        low = self.options["projection_dim"] is not None
        kernels = (self.kernel_u, self.kernel_v) if low else (self.kernel,)
        product = x
        for kernel in kernels:
            product = tf.matmul(product, kernel)
        return first * (product + self.options["diag_scale"] * x) + x + self.bias


class NoisyDense(Formula):
    """https://arxiv.org/abs/1706.10295, equation 9, with the noise that the file holds."""

    def build(self, input_shape: Any) -> None:
        """Make means, deviations and noise."""
        shape = (input_shape[-1], self.options["units"])
        self.sigma_kernel, self.mu_kernel, self.eps_kernel = self._noisy("kernel", shape)
        self.sigma_bias = None
        if self.options["use_bias"]:
            self.sigma_bias, self.mu_bias, self.eps_bias = self._noisy("bias", shape[1:])

    def _noisy(self, name: str, shape: Any) -> list[Any]:
        parts = ("sigma", "mu", "eps")
        return [self.add_weight(f"{p}_{name}", shape, trainable=p != "eps") for p in parts]

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Apply the dense layer."""
        product = tf.tensordot(inputs, self.mu_kernel + self.sigma_kernel * self.eps_kernel, 1)
        if self.sigma_bias is not None:
            product += self.mu_bias + self.sigma_bias * self.eps_bias
        return tf_keras.activations.deserialize(self.options["activation"])(product)


class NetVLAD(Formula):
    """https://arxiv.org/abs/1511.07247, equation 4, normalized within and as a whole."""

    def build(self, input_shape: Any) -> None:
        """Make the centres, and the layer that assigns values to them."""
        clusters = self.options["num_clusters"]
        self.fc = tf_keras.layers.Dense(clusters, activation="softmax")
        self.fc.build((None, input_shape[-1]))
        self.cluster_centers = self.add_weight("cluster_centers", (1, input_shape[-1], clusters))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the sum of distances from each centre, (batch, channels * clusters)."""
        share = self.fc(inputs)
        total = tf.reduce_sum(share, -2, keepdims=True) * self.cluster_centers
        distance = tf.matmul(inputs, share, transpose_a=True) - total
        normed = tf.nn.l2_normalize(distance, 1)
        flat = tf.reshape(normed, [-1, inputs.shape[-1] * self.options["num_clusters"]])
        return tf.nn.l2_normalize(flat, 1)


class EmbeddingBag(Formula):
    """The sum or the mean of the vectors of each bag of indices, weighted if the call says so."""

    def build(self, _: Any) -> None:
        """Make the vectors."""
        shape = (self.options["input_dim"], self.options["output_dim"])
        self.embeddings = self.add_weight("embeddings", shape)

    def call(self, indices: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
        """Reduce the last axis of the indices."""
        vectors = tf.gather(self.embeddings, tf.cast(indices, tf.int32))
        if weights is not None:
            vectors *= tf.expand_dims(weights, -1)
        reduce = tf.reduce_mean if self.options["combiner"] == "mean" else tf.reduce_sum
        return reduce(vectors, -2)


class MultiHeadAttention(Formula):
    """https://arxiv.org/abs/1706.03762, section 3.2.2, of one kernel for each head."""

    def build(self, input_shape: Any) -> None:
        """Make the kernels of (query, key, value), and of the output."""
        heads, size = self.options["num_heads"], self.options["head_size"]
        values = input_shape[-1][-1]
        for name, shape in zip(
            ("query", "key", "value"), (*input_shape[:2], input_shape[-1]), strict=True
        ):
            kernel = self.add_weight(f"{name}_kernel", (heads, shape[-1], size))
            setattr(self, f"{name}_kernel", kernel)
        units = self.options["output_size"] or values
        self.projection_kernel = self.add_weight("projection_kernel", (heads, size, units))
        biased = self.options["use_projection_bias"]
        self.projection_bias = self.add_weight("projection_bias", (units,)) if biased else 0.0

    def call(self, inputs: list[tf.Tensor], mask: tf.Tensor | None = None) -> Any:
        """Attend where the mask is true, (batch, queries, keys)."""
        kernels = (self.query_kernel, self.key_kernel, self.value_kernel)
        parts = zip((*inputs[:2], inputs[-1]), kernels, strict=True)
        query, key, value = (tf.einsum("bni,hio->bhno", x, kernel) for x, kernel in parts)
        logits = tf.matmul(query / self.options["head_size"] ** 0.5, key, transpose_b=True)
        if mask is not None:
            mask = tf.cast(mask, tf.float32)
            mask = mask if mask.shape.rank == logits.shape.rank else tf.expand_dims(mask, -3)
            logits -= 1e10 * (1.0 - mask)
        shares = tf.nn.softmax(logits)
        joined = tf.einsum("bhni,hio->bno", tf.matmul(shares, value), self.projection_kernel)
        joined += self.projection_bias
        return (joined, shares) if self.options["return_attn_coef"] else joined
