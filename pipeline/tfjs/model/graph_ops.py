"""Facts on ops that need no run: asynchrony, dtypes and shapes of outputs.

Three tables, each with its source:

- which ops TensorFlow.js 4.22 cannot execute synchronously
  (tfjs-converter: `executor/model_analysis.ts`, `operations/operation_executor.ts`,
  `operations/op_list/`);
- the dtypes of the outputs of the ops that TensorFlow.js runs (TensorFlow's op registry);
- ops whose first output has the shape of their first input.

This module opens no file.
"""

# `execute()` refuses a graph that needs one of these (model_analysis.ts). The lower-case "if"
# is theirs; the op If is among those below, which return a promise.
CONTROL_FLOW_OPS = frozenset(
    {
        "Enter",
        "Exit",
        "Merge",
        "NextIteration",
        "StatelessIf",
        "StatelessWhile",
        "Switch",
        "While",
        "if",
    }
)
DYNAMIC_SHAPE_OPS = frozenset(
    {"NonMaxSuppressionV2", "NonMaxSuppressionV3", "NonMaxSuppressionV5", "Where"}
)
HASH_TABLE_OPS = frozenset(
    {
        "HashTable",
        "HashTableV2",
        "LookupTableFind",
        "LookupTableFindV2",
        "LookupTableImport",
        "LookupTableImportV2",
        "LookupTableSize",
        "LookupTableSizeV2",
    }
)

# The executors of these are async functions, so `execute()` meets a promise and throws:
# op_list/control.ts, dynamic.ts and hash_table.ts, without the ops above.
PROMISE_OPS = frozenset(
    {
        "EmptyTensorList",
        "If",
        "InitializeTable",
        "InitializeTableV2",
        "ListDiff",
        "LoopCond",
        "NonMaxSuppressionV4",
        "TensorArrayCloseV3",
        "TensorArrayConcatV3",
        "TensorArrayGatherV3",
        "TensorArrayReadV3",
        "TensorArrayScatterV3",
        "TensorArraySizeV3",
        "TensorArraySplitV3",
        "TensorArrayV3",
        "TensorArrayWriteV3",
        "TensorListConcat",
        "TensorListConcatV2",
        "TensorListFromTensor",
        "TensorListGather",
        "TensorListGetItem",
        "TensorListLength",
        "TensorListPopBack",
        "TensorListPushBack",
        "TensorListReserve",
        "TensorListResize",
        "TensorListScatter",
        "TensorListScatterV2",
        "TensorListSetItem",
        "TensorListSplit",
        "TensorListStack",
    }
)

ASYNC_OPS = CONTROL_FLOW_OPS | DYNAMIC_SHAPE_OPS | HASH_TABLE_OPS | PROMISE_OPS

# Dtypes of an op's outputs, one word each: a dtype, or "@attr" for the dtype in an attribute,
# "@attr=dtype" with that attribute's default (which files leave out); an attribute may list
# a dtype per output. Other ops have "@dtype" if they have that attribute, else "@T" for all
# outputs.
OUTPUT_DTYPES: dict[str, str] = {
    "All": "bool",
    "Any": "bool",
    "ArgMax": "@output_type=int64",
    "ArgMin": "@output_type=int64",
    "BroadcastArgs": "@T=int32",
    "Cast": "@DstT",
    "Complex": "@Tout=complex64",
    "ComplexAbs": "@Tout=float32",
    "CropAndResize": "float32",
    "DenseBincount": "@T",
    "Equal": "bool",
    "FFT": "@Tcomplex=complex64",
    "FakeQuantWithMinMaxVars": "float32",
    "FusedBatchNormV2": "@T @U @U @U @U",
    "FusedBatchNormV3": "@T @U @U @U @U @U",
    "Gather": "@Tparams",
    "GatherNd": "@Tparams",
    "GatherV2": "@Tparams",
    "Greater": "bool",
    "GreaterEqual": "bool",
    "IFFT": "@Tcomplex=complex64",
    "IRFFT": "@Treal=float32",
    "If": "@Tout",
    "Imag": "@Tout=float32",
    "IsFinite": "bool",
    "IsInf": "bool",
    "IsNan": "bool",
    "LRN": "@T=float32",
    "LeakyRelu": "@T=float32",
    "Less": "bool",
    "LessEqual": "bool",
    "ListDiff": "@T @out_idx=int32",
    "LogicalAnd": "bool",
    "LogicalNot": "bool",
    "LogicalOr": "bool",
    "LookupTableFind": "@Tout",
    "LookupTableFindV2": "@Tout",
    "LookupTableSize": "int64",
    "LookupTableSizeV2": "int64",
    "LoopCond": "bool",
    "LowerBound": "@out_type=int32",
    "MaxPool": "@T=float32",
    "MaxPoolWithArgmax": "@T @Targmax=int64",
    "Merge": "@T int32",
    "Multinomial": "@output_dtype=int64",
    "NonMaxSuppressionV2": "int32",
    "NonMaxSuppressionV3": "int32",
    "NonMaxSuppressionV4": "int32 int32",
    "NonMaxSuppressionV5": "int32 @T=float32 int32",
    "NotEqual": "bool",
    "RFFT": "@Tcomplex=complex64",
    "RandomUniformInt": "@Tout",
    "Range": "@Tidx=int32",
    "Rank": "int32",
    "Real": "@Tout=float32",
    "ResizeBilinear": "float32",
    "Shape": "@out_type=int32",
    "Size": "@out_type=int32",
    "SparseFillEmptyRows": "int64 @T bool int64",
    "SparseReshape": "int64 int64",
    "StatelessIf": "@Tout",
    "StaticRegexReplace": "string",
    "StringNGrams": "string @Tsplits=int64",
    "StringSplit": "int64 string int64",
    "StringToHashBucketFast": "int64",
    "TensorArrayConcatV3": "@dtype int64",
    "TensorArraySizeV3": "int32",
    "TensorListConcat": "@element_dtype int64",
    "TensorListConcatV2": "@element_dtype int64",
    "TensorListGather": "@element_dtype",
    "TensorListGetItem": "@element_dtype",
    "TensorListLength": "int32",
    "TensorListStack": "@element_dtype",
    "TopKV2": "@T @index_type=int32",
    "Unique": "@T @out_idx=int32",
    "UniqueV2": "@T @out_idx=int32",
    "UpperBound": "@out_type=int32",
    "Where": "int64",
}

SAME_SHAPE_OPS = frozenset(
    {
        "Abs",
        "Acos",
        "Acosh",
        "Asin",
        "Asinh",
        "Atan",
        "Atanh",
        "BiasAdd",
        "Cast",
        "Ceil",
        "ClipByValue",
        "Cos",
        "Cosh",
        "Elu",
        "Erf",
        "Exp",
        "Expm1",
        "Floor",
        "FusedBatchNorm",
        "FusedBatchNormV2",
        "FusedBatchNormV3",
        "Identity",
        "Inv",
        "IsFinite",
        "IsInf",
        "IsNan",
        "LeakyRelu",
        "Log",
        "Log1p",
        "LogSoftmax",
        "LogicalNot",
        "Neg",
        "Reciprocal",
        "Relu",
        "Relu6",
        "Round",
        "Rsqrt",
        "Selu",
        "Sigmoid",
        "Sign",
        "Sin",
        "Sinh",
        "Snapshot",
        "Softmax",
        "Softplus",
        "Sqrt",
        "Square",
        "StopGradient",
        "Tan",
        "Tanh",
    }
)
MATMUL_OPS = frozenset({"MatMul", "_FusedMatMul"})

# Ends of a graph that are no results: they compute nothing.
NO_RESULT_OPS = frozenset({"Assert", "Const", "NoOp"})
