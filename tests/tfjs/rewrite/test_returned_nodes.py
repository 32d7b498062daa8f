"""Functions that return several outputs of one node; test_rewrite_recurrent runs some."""

from tfjs_runtime import function

from pipeline.tfjs.rewrite.returned_nodes import part_returns

SPLIT = {"name": "split", "op": "Split", "input": ["axis", "x"], "attr": {"num_split": {"i": "2"}}}


def test_each_output_gets_a_node_of_its_own() -> None:
    body = function(
        "body",
        takes={"x": "float32"},
        gives={"first": "float32", "second": "float32", "again": "float32", "x_": "float32"},
        returns={
            "first": "split:output:1",
            "second": "split:output:0",
            "again": "split:output:1",
            "x_": "x",
        },
        nodes=[SPLIT],
    )

    changed, count = part_returns({"node": [], "library": {"function": [body]}})

    (parted,) = changed["library"]["function"]
    made = {node["name"]: node for node in parted["nodeDef"]}
    assert count == 2
    assert parted["ret"]["first"] == parted["ret"]["again"] != parted["ret"]["second"]
    assert parted["ret"]["x_"] == "x"
    node = made[parted["ret"]["second"].partition(":")[0]]
    assert (node["op"], node["input"]) == ("Identity", ["split:output:0"])
    assert node["attr"] == {"T": {"type": "DT_FLOAT"}}
    assert part_returns(changed) == (changed, 0)


def test_one_output_of_a_node_is_returned_as_it_is() -> None:
    body = function(
        "body",
        takes={"x": "float32"},
        gives={"y": "float32", "z": "float32"},
        returns={"y": "split:output:1", "z": "split:output:1"},
        nodes=[SPLIT],
    )
    graph = {"node": [], "library": {"function": [body]}}

    assert part_returns(graph) == (graph, 0)
