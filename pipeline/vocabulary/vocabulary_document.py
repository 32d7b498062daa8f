"""The page about roles, docs/roles.md, made from the vocabulary.

This module opens no file; a test compares the page with its text.
"""

import sys
from collections.abc import Iterator

from pipeline.vocabulary.families import FAMILIES
from pipeline.vocabulary.role_types import CONVENTIONS, Family

_INTRODUCTION = """\
# Roles

A role names the purpose of a model's output, so that a page can use models that it does not
know. The catalog gives `map` (the tensor of each role) and for each role its
evidence and its conventions. This page is made from `pipeline/vocabulary/`; edit there.

A role is **stated** by `map:` in the manifest or **inferred** from names, shapes, the graph and
the values on the test vectors. If these do not suffice, the output has no role,
and the catalog says why. Roles that the manifest states go first; inference adds others as long
as the two agree. Only roles of the family of the model's `task` are considered; without a task,
only roles that are certain without it.

A stated role is compared with the values, and refused with the evidence if they contradict it:
scores outside of 0 to 1, classes that are not whole numbers, boxes without a last axis of 4,
outputs that do not belong together. A stated role that values neither support nor contradict
stands, "stated in the manifest".

A role outside this list is allowed: `map: {gesture: Identity_3}` is copied to the catalog,
unchecked. Two mistakes are refused as soon as the manifest is read: a name almost like a role here
(`bxes`; `detection_boxes` for `boxes`), and a role of another family than the task's (`mask` with
`task: image-classification`).

`classes: null` says that the class is the arg-max of `scores` along its last axis. It is inferred
if boxes and scores are known, the scores have a column for each class, and no other output can
hold classes.
"""


def format_vocabulary() -> str:
    """Return the page in Markdown: "# Roles …"."""
    parts = [_INTRODUCTION]
    parts += ["\n".join(_format_family(family)) for family in FAMILIES]
    parts.append("\n".join(_format_conventions()))
    return "\n".join(parts)


def _format_family(family: Family) -> Iterator[str]:
    yield f"## {family.name}"
    yield ""
    tasks = [f"`{task}`" for task in family.tasks]
    tasks += [f"`*{ending}`" for ending in family.endings]
    yield f"Tasks: {', '.join(tasks)}."
    yield ""
    yield "| role | shape | meaning | conventions |"
    yield "|---|---|---|---|"
    for role in family.roles:
        conventions = ", ".join(role.conventions)
        meaning = role.meaning.replace("|", "\\|")
        yield f"| `{role.name}` | {role.shape} | {meaning} | {conventions} |"
    yield ""
    if family.also:
        yield f"Also, from other families: {', '.join(f'`{name}`' for name in family.also)}."
        yield ""


def _format_conventions() -> Iterator[str]:
    yield "## Conventions"
    yield ""
    yield "A convention is given only where it is known. `conventions:` in the manifest states one;"
    yield "a name or value that is not listed here is refused as soon as the manifest is read."
    yield ""
    yield "| convention | meaning | values |"
    yield "|---|---|---|"
    for name, convention in CONVENTIONS.items():
        values = "; ".join(f"`{value}`: {meaning}" for value, meaning in convention.values.items())
        yield f"| {name} | {convention.meaning} | {values} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(format_vocabulary())
