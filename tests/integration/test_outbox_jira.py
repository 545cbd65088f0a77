"""The outbox with a connector that sites use: Jira answers to nobody, its search lags, and no issue is made twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.act.connectors.connected import build_connectors
from andon.core.models.actions import ActionStatus, CloseTicket, Comment, Section
from andon.store import actions
from support.jira import TOKEN, USER, Jira
from support.outbox import added, all_done, come_to, new_action, ticket, working
from support.settings import settings_of
from support.store_data import a_log, opened


@pytest.mark.parametrize("cloud", [True, False], ids=["cloud", "data center"])
async def test_an_issue_whose_answer_was_cut_is_found_by_its_label(tmp_path: Path, cloud: bool) -> None:
    """Others go on meanwhile; a comment is not written twice, and the end of it is known."""
    said = (Section("What happened", ("Drive fault",)),)
    with Jira(cloud=cloud, lag=0.3) as jira:
        table = {
            "url": jira.url,
            "edition": "cloud" if cloud else "data_center",
            "user": USER,
            "token": TOKEN,
            "projects": ["OPS"],
            "search_lag": 0.5,
            "timeout": 0.5,
        }
        plant = build_connectors(settings_of(jira=[table]))["jira"]
        async with opened(tmp_path / "agent.db") as store, working(store, plant) as box:
            await store.record([a_log(1, "a"), a_log(2, "b")], [])
            jira.faults.append("cut after")
            first, second = await store.write(added, [new_action(plant, ticket(f"Fault {n}"), n) for n in (1, 2)])
            box.wake()
            await all_done(store, [first, second])
            assert len(jira.issues) == 2
            assert [(await store.read(actions.action, one)).attempts for one in (first, second)] == [2, 1]
            (known,) = await store.read(actions.of_problem, 1)
            jira.faults.append("cut after")
            more = [Comment(ticket=known.ref, body=said), CloseTicket(ticket=known.ref, body=said)]
            ids = await store.write(added, [new_action(plant, one, 1) for one in more])
            box.wake()
            for one in ids:
                await come_to(store, one, ActionStatus.DONE)
            (known,) = await store.read(actions.of_problem, 1)
            assert known.closed is not None
            assert [len(one.comments) for one in jira.issues.values() if one.key == known.ref] == [2]
