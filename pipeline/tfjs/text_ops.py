"""Ops on texts that `runtime/texts/` computes, for the loader and for the proof."""

TEXT_OPS = frozenset(
    {
        "AsString",
        "DecodeBase64",
        "EncodeBase64",
        "ReduceJoin",
        "RegexFullMatch",
        "RegexReplace",
        "StaticRegexFullMatch",
        "StaticRegexReplace",
        "StringFormat",
        "StringJoin",
        "StringLength",
        "StringLower",
        "StringSplit",
        "StringSplitV2",
        "StringStrip",
        "StringToHashBucket",
        "StringToHashBucketFast",
        "StringToHashBucketStrong",
        "StringToNumber",
        "StringUpper",
        "Substr",
        "TextEqual",
        "TextGather",
        "TextGatherNd",
        "TextNotEqual",
        "UnicodeDecode",
        "UnicodeDecodeWithOffsets",
        "UnicodeEncode",
        "UnicodeScript",
        "UnicodeTranscode",
        "UnsortedSegmentJoin",
    }
)
"""All of them; TensorFlow.js has some of its own, on its cpu backend."""
