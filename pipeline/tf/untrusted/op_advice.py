"""Advice for ops that TensorFlow.js lacks: what to do in the model or in the manifest.

Ops without advice are not listed. This module looks at names only.
"""

import re
from collections.abc import Iterable, Iterator

# A pattern of op names, and the advice. The first match counts.
_ADVICE = (
    (
        r"Assert|Print|CheckNumerics",
        "`strip_debug_ops: true` takes debug ops out",
    ),
    (
        r"Parse(Single)?(Sequence)?Example(V2)?",
        (
            "the signature reads serialized tf.Example: choose one that takes the features "
            "themselves, with `signature_name:`"
        ),
    ),
    (
        (
            r"Decode(Jpeg|Png|Image|Bmp|Gif|Webp|AndCropJpeg|Raw|Wav|Compressed)|EncodeJpeg|"
            r"EncodePng|EncodeWav|ExtractJpegShape"
        ),
        (
            "the signature reads or writes files as bytes: choose one that takes decoded tensors, "
            "with `signature_name:`, or save the model without it; a page decodes for itself"
        ),
    ),
    (
        r".*Dataset.*|Iterator.*|MakeIterator|OneShotIterator|OptionalGetValue|OptionalHasValue",
        "a tf.data pipeline is part of the model: save it without",
    ),
    (
        r"VarHandleOp|VariableV2|Variable|ReadVariableOp|Assign.*|VarIsInitializedOp|Resource.*",
        (
            "variables are left in the graph: something writes them when the model is called; "
            "save a function that only reads (training=False)"
        ),
    ),
    (
        r"MutableHashTable.*|MutableDenseHashTable.*|AnonymousMutable.*|LookupTable.*",
        "the lookup table can change while the model runs: use tf.lookup.StaticHashTable",
    ),
    (
        (
            r"Stateless(Random|TruncatedNormal|Parameterized).*|RngReadAndSkip|RngSkip|"
            r"StatefulUniform.*|StatefulStandardNormal.*|RandomGamma|RandomPoisson.*|"
            r"NonDeterministicInts"
        ),
        "random numbers with a seed of their own: make the random numbers an input of the model",
    ),
    (
        r"StatelessCase|Case",
        "tf.switch_case: use tf.cond instead",
    ),
    (
        r"(Stateful|Stateless)?PartitionedCall|RemoteCall|SymbolicGradient|TPU.*",
        "a function is called that could not be put in place of its call",
    ),
    (
        r"ResizeArea",
        "give the model a fixed input size, or resize by `bilinear` or `nearest`",
    ),
    (
        (
            r"(Batch)?(Cholesky|MatrixInverse|MatrixDeterminant|MatrixSolve|MatrixTriangularSolve)|"
            r"LogMatrixDeterminant|Lu|Qr"
        ),
        (
            "linear algebra of matrices of an open size, or a large one: give them a fixed size of "
            "up to 32 rows, or where the matrix is a weight, save the result in its place"
        ),
    ),
    (
        r"Svd|SelfAdjointEigV2",
        (
            "eigenvalues or singular values of matrices of an open size, or of large ones: give "
            "them a fixed size whose smaller side is at most 8, or where the matrix is a weight, "
            "save the result in its place"
        ),
    ),
    (
        r"Batch(Svd|SelfAdjointEig(V2)?)|(Batch)?MatrixSolveLs|SelfAdjointEig|Eig",
        (
            "linear algebra: where the matrix is a weight, compute the result once and save it in "
            "its place"
        ),
    ),
    (
        r"PyFunc|PyFuncStateless|EagerPyFunc|NumpyFunction",
        "Python code is part of the model: write it in ops of TensorFlow",
    ),
    (
        (
            r"String.*|AsString|Substr|Unicode.*|RegexFullMatch|StaticRegexFullMatch|ReduceJoin|"
            r"Ragged.*|_TensorToHashBucketFast|WordpieceTokenize.*|Sentencepiece.*|Ngrams.*|.*Tokenize.*"
        ),
        (
            "text is prepared in the model: TensorFlow.js has little for texts; save the model "
            "without that part, and prepare its numbers in the page"
        ),
    ),
    (
        r"CombinedNonMaxSuppression",
        (
            "suppress class by class with tf.image.non_max_suppression, or save the model with its "
            "raw boxes and scores"
        ),
    ),
    (
        r"Quantize.*|Dequantize|Quantized.*|Requantiz.*",
        "the graph is quantized: convert the float model, and make quantized variants here",
    ),
    (
        r"FusedBatchNormGrad.*|.*Grad|.*Backprop.*",
        "the graph computes gradients: save it for inference alone",
    ),
)


def advise(ops: Iterable[str]) -> Iterator[str]:
    """Yield the advice, a line each, with its ops: "ParseExample: the signature reads …"."""
    found: dict[str, list[str]] = {}
    for op in ops:
        for pattern, advice in _ADVICE:
            if re.fullmatch(pattern, op):
                found.setdefault(advice, []).append(op)
                break
    for advice, named in found.items():
        yield f"{', '.join(named)}: {advice}"
