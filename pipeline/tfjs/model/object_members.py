"""Names that every object of JavaScript has: what TensorFlow.js finds where it looks a name up.

It keeps layers and the inputs of graphs in plain objects, so under these names it finds functions.
"""

OBJECT_MEMBERS = frozenset(
    {"constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString",
     "toString", "valueOf"}
)  # fmt: skip
"""Members of Object.prototype that are names of nodes and layers; others begin with "__"."""
