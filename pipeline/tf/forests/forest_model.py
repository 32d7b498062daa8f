"""Reads a model of YDF: its trees as tables, and the questions that their nodes ask.

The form of the files is that of yggdrasil_decision_forests/model/decision_tree/decision_tree.proto,
and ydf reads them. A node asks whether a number is at least its threshold; all other questions
(one of these words, true, missing, a sum of several features) become numbers 0 and 1, or the sum.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from yggdrasil_decision_forests.dataset.data_spec_pb2 import ColumnType
from yggdrasil_decision_forests.model.gradient_boosted_trees.gradient_boosted_trees_pb2 import Loss

from pipeline.errors import ConversionError, FormatError
from pipeline.tf.onnx.rules.ml.tree_tables import LEAF, Forest, Node, flatten

NUMBERS = ("NUMERICAL", "DISCRETIZED_NUMERICAL")
_YES = 0.5
_LOSSES = {
    "BINOMIAL_LOG_LIKELIHOOD": "sigmoid",
    "BINARY_FOCAL_LOSS": "sigmoid",
    "MULTINOMIAL_LOG_LIKELIHOOD": "softmax",
    "SQUARED_ERROR": "identity",
    "MEAN_AVERAGE_ERROR": "identity",
    "LAMBDA_MART_NDCG": "identity",
    "LAMBDA_MART_NDCG5": "identity",
    "XE_NDCG_MART": "identity",
}

Kind = Literal["number", "member", "missing", "sum"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """A number that nodes compare.

    Attributes:
        kind: "number": the feature itself. "member": 1 if its category is one of `members`.
            "missing": 1 if it is missing. "sum": the sum of features times weights.
        columns: The features, as columns of the data.
        members: Categories; those of -1 say what a missing one is.
        weights: Of a sum.
        missing: Of a sum: the values of its features where they are missing; empty if the sum
            of a missing feature is missing.
    """

    kind: Kind
    columns: tuple[int, ...]
    members: frozenset[int] = frozenset()
    weights: tuple[float, ...] = ()
    missing: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ForestModel:
    """A forest and what becomes of the sums of its leaves.

    Attributes:
        trees: Its trees; the features that they compare are numbers of `questions`.
        questions: What its nodes ask.
        columns: The numbers of its features by type: "NUMERICAL", "BOOLEAN" or "CATEGORICAL".
        sizes: The number of categories of each column that has some.
        targets: How many sums there are.
        bias: What is added to each.
        averages: Whether sums are divided by the number of trees.
        activation: "sigmoid", "softmax" or "identity".
        classes: The names of the classes; one empty name for a number.
    """

    trees: Forest
    questions: Sequence[Question]
    columns: dict[str, list[int]]
    sizes: dict[int, int]
    targets: int
    bias: tuple[float, ...]
    averages: bool
    activation: str
    classes: tuple[str, ...]


def read_forest_model(folder: Path, prefix: str) -> ForestModel:
    """Read a model of YDF.

    Args:
        folder: The folder of its files.
        prefix: The beginning of their names, empty if they have none.

    Raises:
        FormatError: The files are damaged.
        ConversionError: The model is of a kind that has no rule here.
    """
    import ydf  # noqa: PLC0415  # it imports JAX and Flax, and few models are forests

    try:
        options = ydf.ModelIOOptions(file_prefix=prefix)
        model = ydf.load_model(str(folder), options)
    except Exception as error:
        raise FormatError(f"the decision forest cannot be read: {_tell(error, folder)}") from error
    kind = type(model).__name__
    if kind not in ("RandomForestModel", "GradientBoostedTreesModel"):
        raise _refuse(f"it is a {kind}")
    task = model.task().name
    if task not in ("CLASSIFICATION", "REGRESSION", "RANKING"):
        raise _refuse(f"its task is {task}")
    return _read_boosted(model) if kind == "GradientBoostedTreesModel" else _read_random(model)


def _tell(error: Exception, folder: Path) -> str:
    return str(error).partition("\n")[0].replace(f"{folder}/", "")[:200]


def _refuse(reason: str) -> ConversionError:
    return ConversionError(
        f"the decision forest cannot be converted: {reason}",
        hint="random forests and gradient boosted trees of numbers, booleans and categories can, "
        "for classification, regression and ranking",
    )


def _read_boosted(model: Any) -> ForestModel:
    loss = Loss.Name(model._model.loss())  # noqa: SLF001  # ydf has no public name for it
    if loss not in _LOSSES:
        raise _refuse(f"its loss is {loss}")
    targets = int(model.num_trees_per_iteration())
    bias = tuple(float(number) for number in model.initial_predictions())
    logits = model.task().name == "CLASSIFICATION" and bool(model.output_logits())
    return _read(
        model,
        lambda node, tree: ((tree % targets, float(node.regressor.top_value)),),
        targets=targets,
        bias=bias,
        averages=False,
        activation="identity" if logits else _LOSSES[loss],
    )


def _read_random(model: Any) -> ForestModel:
    classes = _class_names(model)
    is_class = model.task().name == "CLASSIFICATION"
    votes = is_class and bool(model.winner_takes_all())

    def weigh(node: Any, _: int) -> tuple[tuple[int, float], ...]:
        if not is_class:
            return ((0, float(node.regressor.top_value)),)
        if votes:
            return ((int(node.classifier.top_value) - 1, 1.0),)
        chances = node.classifier.distribution
        return tuple((i - 1, c / chances.sum) for i, c in enumerate(chances.counts) if i and c)

    return _read(
        model,
        weigh,
        targets=len(classes),
        bias=(0.0,) * len(classes),
        averages=True,
        activation="identity",
    )


def _class_names(model: Any) -> tuple[str, ...]:
    if model.task().name != "CLASSIFICATION":
        return ("",)
    return tuple(str(name) for name in model.label_classes())


def _read(model: Any, weigh: Any, **head: Any) -> ForestModel:
    columns: dict[str, list[int]] = {}
    for number in sorted(model.input_features_col_idxs()):
        kind = ColumnType.Name(model.data_spec().columns[number].type)
        if kind not in (*NUMBERS, "BOOLEAN", "CATEGORICAL"):
            raise _refuse(f"it has features of type {kind}")
        columns.setdefault("NUMERICAL" if kind in NUMBERS else kind, []).append(number)
    reader = _Reader(model.data_spec().columns)
    nodes: list[Node] = []
    roots = []
    for tree in range(model.num_trees()):
        roots.append(len(nodes))
        listed = iter(model._model.GetTree(tree))  # noqa: SLF001  # its public form has no top_value
        reader.append(nodes, listed, lambda node, tree=tree: weigh(node, tree))
    return ForestModel(
        trees=flatten(nodes.__getitem__, roots),
        questions=tuple(reader.questions),
        columns=columns,
        sizes={
            number: int(model.data_spec().columns[number].categorical.number_of_unique_values)
            for number in columns.get("CATEGORICAL", ())
        },
        classes=_class_names(model),
        **head,
    )


@dataclass
class _Reader:
    """Reads nodes, and numbers the questions that they ask.

    Attributes:
        columns: The columns of the data.
        questions: The number of each question.
    """

    columns: Any
    questions: dict[Question, int] = field(default_factory=dict)

    def append(self, nodes: list[Node], listed: Iterator[Any], weigh: Any) -> int:
        """Append a tree, whose nodes are listed depth first, and false first; return its number."""
        place = len(nodes)
        proto = next(listed)
        if not proto.HasField("condition"):
            nodes.append(Node(mode=LEAF, weights=weigh(proto)))
            return place
        nodes.append(Node(mode=LEAF))
        question, threshold = self._ask(proto.condition)
        false = self.append(nodes, listed, weigh)
        true = self.append(nodes, listed, weigh)
        nodes[place] = Node(
            mode="BRANCH_GTE",
            feature=self.questions.setdefault(question, len(self.questions)),
            values=(threshold,),
            misses=bool(proto.condition.na_value),
            follows=(true, false),
        )
        return place

    def _ask(self, condition: Any) -> tuple[Question, float]:
        """Return the question of a condition, and the number that its answer must reach."""
        asked, column = condition.condition, (int(condition.attribute),)
        spec = self.columns[condition.attribute]
        match asked.WhichOneof("type"):
            case "higher_condition":
                number = Question(kind="number", columns=column)
                return number, float(asked.higher_condition.threshold)
            case "discretized_higher_condition":
                place = int(asked.discretized_higher_condition.threshold) - 1
                bound = float(spec.discretized_numerical.boundaries[place])
                return Question(kind="number", columns=column), bound
            case "true_value_condition":
                return Question(kind="number", columns=column), _YES
            case "na_condition":
                return Question(kind="missing", columns=column), _YES
            case "oblique_condition":
                return _ask_sum(asked.oblique_condition)
            case "contains_condition" | "contains_bitmap_condition":
                members = frozenset(_list_members(asked, spec))
                if condition.na_value:
                    members |= {-1}
                return Question(kind="member", columns=column, members=members), _YES
            case other:
                raise _refuse(f"a node has a {other}")


def _ask_sum(oblique: Any) -> tuple[Question, float]:
    question = Question(
        kind="sum",
        columns=tuple(int(number) for number in oblique.attributes),
        weights=tuple(float(number) for number in oblique.weights),
        missing=tuple(float(number) for number in oblique.na_replacements),
    )
    return question, float(oblique.threshold)


def _list_members(asked: Any, spec: Any) -> Iterator[int]:
    if asked.HasField("contains_condition"):
        yield from (int(number) for number in asked.contains_condition.elements)
        return
    bits = asked.contains_bitmap_condition.elements_bitmap
    for number in range(spec.categorical.number_of_unique_values):
        if bits[number // 8] >> (number % 8) & 1:
            yield number
