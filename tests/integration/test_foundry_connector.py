"""Foundry's connector against a Foundry over real HTTP, and both against the client that Palantir publishes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import foundry_sdk
import pytest
from foundry_sdk.v2.datasets import models as datasets_models
from foundry_sdk.v2.ontologies import models as ontologies_models
from foundry_sdk.v2.streams import models as streams_models

from andon.act.connectors.connected import build_connector
from andon.act.connectors.connector import Again
from andon.act.connectors.foundry import FoundryConnector
from andon.core.errors import ActionRefused, ConfigError, OutcomeUnknown, TargetAway
from andon.core.models.actions import Apply, Arguments, Operation, Order, Publish, Receipt, Upload
from support.bus import until
from support.foundry import ACTION, CLIENT, DATASET, ONTOLOGY, OTHER, SECRET, STREAM, TOKEN, Foundry
from support.rest_stand_in import Answer, Seen
from support.settings import settings_of

KEY = "00112233445566778899aabbccddeeff"
UPLOAD = Upload(path="shift reports/night {1}.html", text="<h1>Night shift</h1>\n{transaction} %7B ä\n")
PATH = "andon/shift reports/night {1}.html"
ROW = {"problem_id": 7, "title": "Spindle overheats", "severity": "CRITICAL", "count": 12, "line": "line 3"}
PUBLISH = Publish(rows=(ROW, {**ROW, "problem_id": 8, "line": None}))
APPLY = Apply(action=ACTION, parameters={"title": "Spindle overheats", "severity": "CRITICAL"})


@pytest.fixture
def foundry() -> Iterator[Foundry]:
    with Foundry() as service:
        yield service


@asynccontextmanager
async def connected(foundry: Foundry, **table: Any) -> AsyncIterator[FoundryConnector]:
    own = {
        "url": foundry.url,
        "token": TOKEN,
        "datasets": [DATASET, OTHER],
        "streams": [STREAM],
        "ontology": ONTOLOGY,
        "actions": [{"name": ACTION, "parameters": {"title": "{title}", "severity": "{severity}"}}],
        **table,
    }
    settings = settings_of(foundry=[own])
    connector = build_connector(settings, settings.targets[0])
    assert isinstance(connector, FoundryConnector)
    try:
        yield connector
    finally:
        await connector.close()


async def sent(connector: FoundryConnector, arguments: Arguments) -> Receipt:
    order = Order(KEY, arguments)
    return await connector.send(order, connector.render(order))


def states(foundry: Foundry, dataset: str = DATASET) -> list[str]:
    return [one["status"] for one in foundry.datasets[dataset].transactions.values()]


def told(seen: Seen) -> tuple[Any, ...]:
    """What counts of a request: its address with the transaction left out, its kind, and what it holds."""
    split = urlsplit(seen.raw)
    path, query = split.path, dict(parse_qsl(split.query))
    if "ri.foundry.main.transaction" in path:
        path = "/".join("T" if part.startswith("ri.foundry.main.transaction") else part for part in path.split("/"))
    query = {name: "T" if name == "transactionRid" else value for name, value in query.items()}
    kind = seen.headers.get("content-type", "") if seen.body else ""
    body = json.loads(seen.body) if kind == "application/json" else seen.body
    return seen.method, path, query, kind, body, seen.headers["authorization"]


async def test_every_request_is_what_palantirs_own_client_sends(foundry: Foundry) -> None:
    async with connected(foundry) as connector:
        for arguments in (UPLOAD, PUBLISH, APPLY):
            await sent(connector, arguments)
    ours = [told(one) for one in foundry.seen]
    foundry.seen.clear()

    def theirs() -> None:
        config = foundry_sdk.Config(scheme="http", max_retries=0)
        client = foundry_sdk.FoundryClient(
            foundry_sdk.UserTokenAuth(TOKEN), urlsplit(foundry.url).netloc, config=config
        )
        files, transactions = client.datasets.Dataset.File, client.datasets.Dataset.Transaction
        opened = transactions.create(DATASET, transaction_type="UPDATE", branch_name="master")
        files.upload(DATASET, PATH, UPLOAD.text.encode(), transaction_rid=opened.rid)
        transactions.commit(DATASET, opened.rid)
        client.streams.Dataset.Stream.publish_records(STREAM, "master", records=list(PUBLISH.rows))
        for options in (
            ontologies_models.ApplyActionRequestOptions(mode="VALIDATE_ONLY"),
            ontologies_models.ApplyActionRequestOptions(mode="VALIDATE_AND_EXECUTE", return_edits="ALL"),
        ):
            client.ontologies.Action.apply(ONTOLOGY, ACTION, parameters=APPLY.parameters, options=options)

    await asyncio.to_thread(theirs)
    assert ours == [told(one) for one in foundry.seen]
    assert len(ours) == 6


async def test_requests_and_answers_fit_the_published_models(foundry: Foundry) -> None:
    async with connected(foundry) as connector:
        for arguments in (UPLOAD, PUBLISH, APPLY):
            await sent(connector, arguments)
        await connector.check()
    answers = {  # the stand-in's, by what they answer
        "transactions": datasets_models.Transaction,
        "actionTypes": ontologies_models.ActionTypeV2,
        "apply": ontologies_models.SyncApplyActionResponseV2,
        "streams/datasets": streams_models.Stream,
    }
    checked = 0
    for seen in foundry.seen:
        if seen.method == "POST" and "apply" in seen.path:
            ontologies_models.ApplyActionRequestV2.model_validate(seen.json())
        for part, model in answers.items():
            if (
                f"/{part}" in seen.raw
                and "highScale" not in seen.raw
                and not seen.raw.endswith(("/commit", "/transactions?branchName=master"))
            ):
                model.model_validate(foundry.answer(seen).body)
                checked += 1
    assert checked >= 4


async def test_an_upload_is_three_requests_that_approval_shows(foundry: Foundry) -> None:
    async with connected(foundry) as connector:
        rendered = connector.render(Order(KEY, UPLOAD))
        assert rendered.digest == connector.render(Order(KEY, UPLOAD)).digest
        receipt = await connector.send(Order(KEY, UPLOAD), rendered)
    assert foundry.datasets[DATASET].view == {PATH: UPLOAD.text}
    assert receipt.ref == PATH
    base = f"{foundry.url}/api/v2/datasets/{DATASET}"
    assert [one.url for one in rendered.requests] == [
        f"{base}/transactions?branchName=master",
        f"{base}/files/andon%2Fshift%20reports%2Fnight%20%7B1%7D.html/upload?transactionRid={{transaction}}",
        f"{base}/transactions/{{transaction}}/commit",
    ]
    assert [one.filled for one in rendered.requests] == [(), ("transaction",), ("transaction",)]
    assert rendered.notes[1].endswith(f"POST {base}/transactions/{{transaction}}/abort")
    assert TOKEN not in repr(rendered)


async def test_the_same_file_again_takes_the_place_of_the_first(foundry: Foundry) -> None:
    async with connected(foundry) as connector:
        await sent(connector, UPLOAD)
        await sent(connector, UPLOAD)
        await sent(connector, Upload(path="b.csv", text="x", where=OTHER))
        assert connector.abilities[Operation.UPLOAD].again is Again.SAFE
    assert len(foundry.datasets[DATASET].view) == 1
    assert foundry.datasets[OTHER].view == {"andon/b.csv": "x"}


@pytest.mark.parametrize(
    "how", ["lost", "unanswered", Answer(500, {"errorName": "Default:Internal", "parameters": {}})]
)
@pytest.mark.parametrize("where", ["/upload", "/commit", "/transactions"])
async def test_a_break_anywhere_leaves_no_transaction_open(foundry: Foundry, where: str, how: Any) -> None:
    async with connected(foundry) as connector:
        foundry.fail(where, how)
        committed = (where, how) == ("/commit", "unanswered")
        if committed:
            await sent(connector, UPLOAD)  # it looks, and finds it done
        else:
            with pytest.raises(OutcomeUnknown if where == "/transactions" else TargetAway):
                await sent(connector, UPLOAD)
        if where != "/transactions":
            assert states(foundry) == ["COMMITTED" if committed else "ABORTED"]
        await sent(connector, UPLOAD)
    assert "OPEN" not in states(foundry)
    assert foundry.datasets[DATASET].view == {PATH: UPLOAD.text}


async def test_what_could_not_be_aborted_is_aborted_before_the_next_upload(foundry: Foundry) -> None:
    async with connected(foundry) as connector:
        foundry.fail("/upload", "lost")
        foundry.fail("/abort", "lost")
        with pytest.raises(OutcomeUnknown):
            await sent(connector, UPLOAD)
        assert states(foundry) == ["OPEN"]
        await sent(connector, UPLOAD)
    assert states(foundry) == ["ABORTED", "COMMITTED"]


async def test_another_process_takes_over_what_a_killed_one_left(foundry: Foundry) -> None:
    opened = foundry.datasets[DATASET].open(age=7_200)
    foundry.datasets[DATASET].held[opened["rid"]][PATH] = "half"
    async with connected(foundry) as connector:
        await sent(connector, UPLOAD)
    assert states(foundry) == ["ABORTED", "COMMITTED"]
    assert foundry.datasets[DATASET].view == {PATH: UPLOAD.text}


@pytest.mark.parametrize(
    ("age", "held", "kind"), [(60, {}, TargetAway), (7_200, {}, ActionRefused), (60, {"theirs.csv": "x"}, TargetAway)]
)
async def test_a_transaction_of_somebody_else_is_left_alone(
    foundry: Foundry, age: float, held: dict[str, str], kind: type[Exception]
) -> None:
    opened = foundry.datasets[DATASET].open(age=age)
    foundry.datasets[DATASET].held[opened["rid"]] |= held
    async with connected(foundry) as connector:
        with pytest.raises(kind, match="OpenTransactionAlreadyExists") as raised:
            await sent(connector, UPLOAD)
    assert opened["rid"] in str(raised.value)
    assert states(foundry) == ["OPEN"]
    assert not isinstance(raised.value, TargetAway) or raised.value.retry_after == 60


async def test_a_stop_in_the_middle_leaves_no_transaction_open(foundry: Foundry) -> None:
    async with connected(foundry) as connector:
        fault = foundry.fail("/upload", "held")
        task = asyncio.create_task(sent(connector, UPLOAD))
        await until(lambda: bool(foundry.asked("/upload")), "the upload")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        fault.until.set()
    assert states(foundry) == ["ABORTED"]


async def test_the_right_to_write_is_missing(foundry: Foundry) -> None:
    foundry.may_write = False
    async with connected(foundry) as connector:
        with pytest.raises(ActionRefused) as refused:
            await sent(connector, UPLOAD)
        with pytest.raises(ActionRefused, match="PublishRecordsToStreamPermissionDenied"):
            await sent(connector, PUBLISH)
    assert f"foundry answered 403: CreateTransactionPermissionDenied: datasetRid {DATASET}, branchName master [" in str(
        refused.value
    )
    assert "have this user granted the right to write there" in str(refused.value)


@pytest.mark.parametrize("path", ["", "/etc/passwd", "a//b", "../b", "a/..", "a\\b", "a/ /b"])
async def test_no_path_leaves_the_folder(foundry: Foundry, path: str) -> None:
    async with connected(foundry) as connector:
        with pytest.raises(ActionRefused, match="not a file"):
            connector.render(Order(KEY, Upload(path=path, text="x")))


async def test_only_what_the_settings_allow(foundry: Foundry) -> None:
    async with connected(foundry) as connector:
        for arguments in (
            Upload(path="a", text="x", where=STREAM),
            Publish(rows=(ROW,), where=DATASET),
            Apply(action="delete-plant", parameters={}),
        ):
            with pytest.raises(ActionRefused, match="may not"):
                connector.render(Order(KEY, arguments))
        for arguments, words in (
            (Upload(path="a", text=""), "0 bytes"),
            (Publish(rows=()), "0 rows"),
            (Publish(rows=(ROW,) * 501), "501 rows"),
        ):
            with pytest.raises(ActionRefused, match=words):
                connector.render(Order(KEY, arguments))
    async with connected(foundry, streams=[], actions=[], ontology="") as connector:
        assert set(connector.abilities) == {Operation.UPLOAD}
        with pytest.raises(ActionRefused, match=r"takes no rows: add streams to its table \[\[foundry\]\] and restart"):
            connector.render(Order(KEY, PUBLISH))


async def test_rows_must_fit_the_stream(foundry: Foundry) -> None:
    async with connected(foundry) as connector:
        receipt = await sent(connector, PUBLISH)
        assert receipt.words == "2 rows published"
        with pytest.raises(ActionRefused, match=r"RecordDoesNotMatchStreamSchema.*docs/connectors\.md#foundry"):
            await sent(connector, Publish(rows=({"unknown": 1},)))
    assert foundry.records == list(PUBLISH.rows)


async def test_an_action_is_validated_first_and_then_applied(foundry: Foundry) -> None:
    async with connected(foundry) as connector:
        rendered = connector.render(Order(KEY, APPLY))
        receipt = await connector.send(Order(KEY, APPLY), rendered)
    assert [json.loads(one.body)["options"]["mode"] for one in rendered.requests] == [
        "VALIDATE_ONLY",
        "VALIDATE_AND_EXECUTE",
    ]
    assert receipt.ref == "4711"
    assert foundry.applied == [APPLY.parameters]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"title": "x"}, "severity is required"),
        ({"title": "x" * 61, "severity": "ERROR"}, "title does not hold: stringLength (lte 60)"),
        ({"title": "x", "severity": "ERROR", "odd": 1}, "ParametersNotFound"),
    ],
)
async def test_a_200_that_failed_is_a_refusal(foundry: Foundry, parameters: dict[str, Any], words: str) -> None:
    async with connected(foundry) as connector:
        with pytest.raises(ActionRefused) as refused:
            await sent(connector, Apply(action=ACTION, parameters=parameters))
    assert words in str(refused.value)
    assert not foundry.applied
    assert len(foundry.asked("apply")) == 1


async def test_a_criterion_that_fails_between_trial_and_action(foundry: Foundry) -> None:
    foundry.fails_between = True
    async with connected(foundry) as connector:
        with pytest.raises(ActionRefused, match=r"did not apply it: Press 4 has an open work order\."):
            await sent(connector, APPLY)
    assert len(foundry.asked("apply")) == 2
    assert not foundry.applied


async def test_an_action_that_was_not_answered_is_for_a_person(foundry: Foundry) -> None:
    async with connected(foundry) as connector:
        order = Order(KEY, APPLY)
        foundry.silent = True
        with pytest.raises(OutcomeUnknown, match="did not say whether"):
            await sent(connector, APPLY)
        foundry.fail("/apply", "lost")  # of the trial, which changes nothing
        with pytest.raises(TargetAway):
            await sent(connector, APPLY)
        assert connector.abilities[Operation.APPLY].again is Again.LOOK
        assert await connector.find(order) is None


@pytest.mark.parametrize(
    ("status", "headers", "kind", "after"),
    [
        (429, {}, TargetAway, None),
        (503, {"Retry-After": "7"}, TargetAway, 7),
        (429, {"QoS-Retry-Hint": "do-not-retry"}, ActionRefused, None),
        (503, {"QoS-Retry-Hint": "do-not-retry", "Retry-After": "7"}, ActionRefused, None),
    ],
)
async def test_too_many_requests(
    foundry: Foundry, status: int, headers: dict[str, str], kind: type[Exception], after: float | None
) -> None:
    foundry.fail("publishRecords", Answer(status, {"errorName": "RateLimited", "parameters": {}}, headers))
    async with connected(foundry) as connector:
        with pytest.raises(kind, match=f"{status}: RateLimited") as raised:
            await sent(connector, PUBLISH)
    assert getattr(raised.value, "retry_after", None) == after
    assert not foundry.records


async def test_an_application_fetches_a_token_and_renews_it(foundry: Foundry) -> None:
    async with connected(
        foundry, token="", client_id=CLIENT, client_secret=SECRET, scopes=["api:streams-write"]
    ) as connector:
        await sent(connector, PUBLISH)
        await sent(connector, PUBLISH)
        assert foundry.given == 1
        foundry.tokens.clear()  # revoked
        await sent(connector, PUBLISH)
    assert foundry.given == 2
    assert len(foundry.records) == 6
    assert foundry.seen[0].form()["scope"] == "api:streams-write"


async def test_a_token_that_is_about_to_expire_is_renewed(foundry: Foundry) -> None:
    foundry.lifetime = 0
    async with connected(foundry, token="", client_id=CLIENT, client_secret=SECRET) as connector:
        await sent(connector, PUBLISH)
    assert foundry.given >= 1


async def test_secrets_stay_secret(foundry: Foundry) -> None:
    async with connected(foundry, token="", client_id=CLIENT, client_secret="wrong secret") as connector:
        with pytest.raises(ActionRefused, match=r"401: invalid_client Client authentication failed") as refused:
            await sent(connector, PUBLISH)
        assert "wrong secret" not in str(refused.value)
    async with connected(foundry, token="", client_id=CLIENT, client_secret=SECRET) as connector:
        await sent(connector, PUBLISH)
        foundry.fail(
            "publishRecords", Answer(400, {"errorName": "Echo", "parameters": {"said": "token-1-of-the-application"}})
        )
        with pytest.raises(ActionRefused) as refused:
            await sent(connector, PUBLISH)
        assert "token-1-of" not in str(refused.value)
    with pytest.raises(ConfigError, match="has no login"):
        async with connected(foundry, token=""):
            pass


async def test_doctor_finds_all_in_order_and_writes_nothing(foundry: Foundry) -> None:
    async with connected(foundry) as connector:
        checked = await connector.check()
    assert [one.ok for one in checked] == [True, True, True, True, None]
    assert "the dataset reports has the branch master" in checked[0].detail
    assert all(one.method == "GET" for one in foundry.seen)


async def test_doctor_finds_what_is_wrong(foundry: Foundry) -> None:
    foundry.required["asset"] = True
    nowhere = DATASET[:-1] + "0"
    async with connected(foundry, datasets=[nowhere], streams=[nowhere]) as connector:
        checked = await connector.check()
    assert [one.ok for one in checked] == [False, False, False, None]
    assert f"DatasetNotFound: datasetRid {nowhere}" in checked[0].detail
    assert "StreamNotFound" in checked[1].detail
    assert checked[2].detail == "the action create-work-order requires asset"
    async with connected(foundry, branch="develop") as connector:
        assert "BranchNotFound" in (await connector.check())[0].detail
    async with connected(foundry, url="http://127.0.0.1:9") as connector:
        (away,) = await connector.check()
    assert away.ok is False
    assert "cannot be reached" in away.detail
