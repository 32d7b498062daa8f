"""Ops on texts that `runtime/texts/` computes, for the loader and for the proof."""

TEXT_OPS = frozenset(
    {
        "AsString",
        "ReduceJoin",
        "RegexFullMatch",
        "RegexReplace",
        "StaticRegexFullMatch",
        "StaticRegexReplace",
        "StringJoin",
        "StringLength",
        "StringLower",
        "StringSplit",
        "StringSplitV2",
        "StringStrip",
        "StringToHashBucketFast",
        "StringToHashBucketStrong",
        "StringToNumber",
        "StringUpper",
        "Substr",
        "TextEqual",
        "TextGather",
        "TextNotEqual",
        "UnicodeDecode",
        "UnicodeDecodeWithOffsets",
        "UnicodeEncode",
        "UnicodeTranscode",
    }
)
"""All of them; TensorFlow.js has some of its own, on its cpu backend."""
