"""Findings as the record of the step `map`."""

from pipeline.roles.evidence.finding import Finding, RoleFindings


def finding(role: str, tensor: str | None, *, usable: bool = True) -> Finding:
    return Finding(
        role=role,
        tensor=tensor,
        source="manifest",
        evidence=("stated in the manifest",),
        conventions={"order": "yxyx"} if role == "boxes" else {},
        usable=usable,
    )


def test_roles_that_share_an_output_are_one_text_in_the_file() -> None:
    found = [finding("boxes", "y:0"), finding("classes", None), finding("scores", "y:0")]
    record = RoleFindings(findings=found, abstained={"z": "nothing is known"}).record()

    assert record.roles == {"y:0": ("boxes", "scores")}
    assert record.to_json() == {
        "map": {"boxes": "y:0", "classes": None, "scores": "y:0"},
        "roles": {"y:0": "boxes, scores"},
        "source": dict.fromkeys(("boxes", "classes", "scores"), "manifest"),
        "evidence": {key: ["stated in the manifest"] for key in ("boxes", "classes", "scores")},
        "conventions": {"boxes": {"order": "yxyx"}},
        "abstained": {"z": "nothing is known"},
        "usable": True,
    }


def test_a_model_whose_outputs_all_wait_for_another_model_is_not_usable() -> None:
    features, scores = finding("features", "y:0", usable=False), finding("scores", "z:0")

    assert not RoleFindings(findings=[features], abstained={}).record().usable
    assert RoleFindings(findings=[features, scores], abstained={}).record().usable
    assert RoleFindings(findings=[], abstained={}).record().usable
