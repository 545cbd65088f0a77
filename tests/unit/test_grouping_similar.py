"""Likeness of patterns."""

from __future__ import annotations

import random

from andon.grouping import SimilarIndex


def index() -> SimilarIndex:
    found = SimilarIndex()
    found.add("bind", "Failed to bind to port <*>: Address already in use", "mes")
    found.add("open", "Failed to open database file <*>: disk is full", "historian")
    found.add("drive", "Drive fault F30005 on axis <*>: power unit overload", "cnc")
    found.add("refused", "Connection to <*> refused by peer", "mes")
    return found


def test_the_most_alike_comes_first() -> None:
    alike = index().similar("Cannot bind to port <*>: Address already in use", threshold=0.1)
    assert alike[0][0] == "bind"
    assert [score for _, score in alike] == sorted((score for _, score in alike), reverse=True)


def test_the_same_text_scores_one_and_can_be_left_out() -> None:
    text = "Drive fault F30005 on axis <*>: power unit overload"
    assert index().similar(text, service="cnc")[0] == ("drive", 1.0)
    assert index().similar(text, service="cnc", exclude="drive", threshold=0.3) == []


def test_nothing_in_common_is_not_alike() -> None:
    assert index().similar("Gripper lost its workpiece", threshold=0.01) == []
    assert index().similar("", threshold=0.0) == []
    assert SimilarIndex().similar("Gripper lost its workpiece") == []


def test_service_breaks_ties() -> None:
    found = SimilarIndex()
    for service in ("mes", "erp", "cnc"):
        found.add(service, "pump has lost pressure", service)
    assert found.similar("pump has lost pressure", 1, service="erp")[0][0] == "erp"


def test_limit_and_threshold_hold() -> None:
    found = index()
    assert len(found.similar("Failed to open port", 1, 0.0)) == 1
    assert all(score >= 0.4 for _, score in found.similar("Failed to open port", 5, 0.4))


def test_removed_and_replaced_patterns_are_gone() -> None:
    found = index()
    found.remove("bind")
    found.remove("never there")
    found.add("refused", "Valve stuck at <*> percent")
    assert found.similar("Address already in use", threshold=0.1) == []
    assert found.similar("Connection refused by peer", threshold=0.1) == []
    assert len(found) == 3
    for key in ("open", "drive", "refused"):
        found.remove(key)
    assert not found._postings


def test_parts_of_names_count() -> None:
    found = SimilarIndex()
    found.add("a", "org.plant.opcua.SessionError raised")
    found.add("b", "spindle overheated badly")
    assert found.similar("opcua session was lost", threshold=0.05)[0][0] == "a"


def test_capacity_bounds_the_index() -> None:
    found = SimilarIndex(capacity=100)
    chance = random.Random(1)
    for number in range(1000):
        found.add(str(number), " ".join(chance.choices([f"word{chr(97 + i)}" for i in range(26)], k=6)))
    assert len(found) == 100
    assert "999" in found
    assert sum(map(len, found._postings.values())) <= 600
