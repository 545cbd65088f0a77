"""A stand-in for Palantir Foundry over real HTTP: datasets with transactions, streams with a schema, actions, tokens.

Names of errors, their parameters and the shapes of answers are those of Foundry's published Python SDK, against which
they are held in ``tests/integration/test_foundry_connector.py``.
"""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from andon.insight.problem_rows import COLUMNS
from support.rest_stand_in import Answer, RestStandIn, Seen

TOKEN = "a-token-of-foundry"
CLIENT, SECRET = "0e1f2a3b", "the secret of the application"
DATASET = "ri.foundry.main.dataset.c26f11c8-cdb3-4f44-9f5d-9816ea1c82da"
OTHER = "ri.foundry.main.dataset.11111111-cdb3-4f44-9f5d-9816ea1c82da"
STREAM = "ri.foundry.main.dataset.22222222-cdb3-4f44-9f5d-9816ea1c82da"
ONTOLOGY, ACTION = "plant", "create-work-order"


class Refusal(Exception):
    """An answer of Foundry's that is no success."""

    def __init__(self, status: int, name: str, **parameters: Any) -> None:
        super().__init__(name)
        code = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "CONFLICT"}.get(
            status, "CUSTOM"
        )
        self.answer = Answer(
            status,
            {"errorCode": code, "errorName": name, "errorInstanceId": str(uuid.uuid4()), "parameters": parameters},
        )


class Dataset:
    """A dataset with one branch: its transactions in their order, and the files of its view."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.transactions: dict[str, dict[str, Any]] = {}
        self.held: dict[str, dict[str, str]] = {}  # files by transaction
        self.view: dict[str, str] = {}

    def open(self, age: float = 0.0) -> dict[str, Any]:
        rid = f"ri.foundry.main.transaction.{uuid.uuid4()}"
        created = datetime.fromtimestamp(time.time() - age, UTC).isoformat().replace("+00:00", "Z")
        made = {"rid": rid, "transactionType": "UPDATE", "status": "OPEN", "createdTime": created}
        self.transactions[rid], self.held[rid] = made, {}
        return made

    @property
    def last(self) -> dict[str, Any] | None:
        return next((one for one in reversed(self.transactions.values()) if one["status"] != "ABORTED"), None)


class Foundry(RestStandIn):
    """One Foundry, with a dataset, a stream and an action."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = {TOKEN}
        self.given = 0
        self.lifetime = 3_600
        self.datasets = {DATASET: Dataset("reports"), OTHER: Dataset("other")}
        self.may_write = True
        longs = ("problem_id", "count", "hosts")
        self.fields = {name: "LONG" if name in longs else "STRING" for name in COLUMNS}
        self.records: list[dict[str, Any]] = []
        self.required = {"title": True, "severity": True, "note": False}
        self.criterion = True  # whether the submission criterion holds
        self.fails_between = False  # it holds when it is validated, and no longer when it is applied
        self.silent = False  # a 200 that says nothing of a validation
        self.applied: list[dict[str, Any]] = []

    def answer(self, seen: Seen) -> Answer:
        try:
            answer = self._answer(seen)
        except Refusal as refusal:
            answer = refusal.answer
        return answer._replace(headers={"Date": formatdate(usegmt=True), **answer.headers})

    def _answer(self, seen: Seen) -> Answer:
        if seen.path == "/multipass/api/oauth2/token":
            return self._token(seen)
        if seen.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Refusal(401, "MissingCredentials")
        parts = [part for part in seen.path.split("/") if part]
        match seen.method, *parts:
            case "GET", "api", "v2", "datasets", rid:
                return Answer(
                    200, {"rid": rid, "name": self._dataset(rid).name, "parentFolderRid": "ri.compass.main.folder.1"}
                )
            case "GET", "api", "v2", "datasets", rid, "branches", "master":
                last = self._dataset(rid).last
                return Answer(200, {"name": "master", **({"transactionRid": last["rid"]} if last else {})})
            case _, "api", "v2", "datasets", rid, "branches", branch:
                raise Refusal(404, "BranchNotFound", datasetRid=rid, branchName=branch)
            case _, "api", "v2", "datasets", rid, "transactions", *rest:
                return self._transaction(seen, rid, self._dataset(rid), rest)
            case "GET", "api", "v2", "datasets", rid, "files":
                held = self._dataset(rid).held.get(seen.query["startTransactionRid"], {})
                return Answer(200, {"data": [_file(path, seen.query["startTransactionRid"]) for path in held]})
            case "POST", "api", "v2", "datasets", rid, "files", *path, "upload":
                return self._upload(seen, rid, "/".join(path))
            case "POST", "api", "v2", "highScale", "streams", "datasets", rid, "streams", branch, "publishRecords":
                return self._publish(seen, rid, branch)
            case "GET", "api", "v2", "streams", "datasets", rid, "streams", branch:
                self._stream(rid, branch)
                return Answer(200, self.stream())
            case "GET", "api", "v2", "ontologies", ontology, "actionTypes", action:
                self._demand_action(ontology, action)
                return Answer(200, self.action_type())
            case "POST", "api", "v2", "ontologies", ontology, "actions", action, "apply":
                self._demand_action(ontology, action)
                return self._apply(seen)
        return Answer(404, "")

    def stream(self) -> dict[str, Any]:
        fields = [
            {"name": name, "schema": {"nullable": True, "dataType": {"type": kind.lower()}}}
            for name, kind in self.fields.items()
        ]
        return {
            "branchName": "master",
            "schema": {"fields": fields},
            "viewRid": "ri.foundry.main.view.1",
            "partitionsCount": 1,
            "streamType": "LOW_LATENCY",
            "compressed": False,
        }

    def action_type(self) -> dict[str, Any]:
        parameters = {
            name: {"displayName": name, "dataType": {"type": "string"}, "required": needed, "typeClasses": []}
            for name, needed in self.required.items()
        }
        return {
            "apiName": ACTION,
            "displayName": "Create work order",
            "status": "ACTIVE",
            "parameters": parameters,
            "rid": "ri.actions.main.action-type.1",
            "operations": [{"type": "createObject", "objectTypeApiName": "WorkOrder"}],
        }

    def _token(self, seen: Seen) -> Answer:
        form = seen.form()
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return Answer(401, {"error": "invalid_client", "error_description": "Client authentication failed"})
        if form.get("grant_type") != "client_credentials":
            return Answer(400, {"error": "unsupported_grant_type"})
        self.given += 1
        token = f"token-{self.given}-of-the-application"
        self.tokens.add(token)
        return Answer(200, {"access_token": token, "token_type": "bearer", "expires_in": self.lifetime})

    def _dataset(self, rid: str) -> Dataset:
        if rid not in self.datasets:
            raise Refusal(404, "DatasetNotFound", datasetRid=rid)
        return self.datasets[rid]

    def _transaction(self, seen: Seen, rid: str, dataset: Dataset, rest: list[str]) -> Answer:
        if not rest:
            kind = seen.json()["transactionType"]
            if not self.may_write:
                raise Refusal(403, "CreateTransactionPermissionDenied", datasetRid=rid, branchName="master")
            if (branch := seen.query.get("branchName", "master")) != "master":
                raise Refusal(404, "BranchNotFound", datasetRid=rid, branchName=branch)
            if dataset.last is not None and dataset.last["status"] == "OPEN":
                raise Refusal(409, "OpenTransactionAlreadyExists", datasetRid=rid, branchName="master")
            return Answer(200, {**dataset.open(), "transactionType": kind})
        name, *then = rest
        if (found := dataset.transactions.get(name)) is None:
            raise Refusal(404, "TransactionNotFound", datasetRid=rid, transactionRid=name)
        if seen.method == "GET":
            return Answer(200, found)
        self._demand_open(rid, found)
        if then == ["commit"]:
            dataset.view |= dataset.held[name]
        found["status"] = "COMMITTED" if then == ["commit"] else "ABORTED"
        found["closedTime"] = datetime.now(UTC).isoformat()
        return Answer(200, found)

    def _demand_open(self, rid: str, found: dict[str, Any]) -> None:
        if found["status"] != "OPEN":
            raise Refusal(
                400,
                "TransactionNotOpen",
                datasetRid=rid,
                transactionRid=found["rid"],
                transactionStatus=found["status"],
            )

    def _upload(self, seen: Seen, rid: str, path: str) -> Answer:
        dataset = self._dataset(rid)
        if seen.headers.get("content-type") != "application/octet-stream":
            return Answer(415, "")
        name = seen.query["transactionRid"]
        if (found := dataset.transactions.get(name)) is None:
            raise Refusal(404, "TransactionNotFound", datasetRid=rid, transactionRid=name)
        self._demand_open(rid, found)
        dataset.held[name][path] = seen.body.decode()
        return Answer(200, _file(path, name))

    def _stream(self, rid: str, branch: str) -> None:
        if (rid, branch) != (STREAM, "master"):
            raise Refusal(404, "StreamNotFound", datasetRid=rid, streamBranchName=branch)

    def _publish(self, seen: Seen, rid: str, branch: str) -> Answer:
        self._stream(rid, branch)
        if not self.may_write:
            raise Refusal(403, "PublishRecordsToStreamPermissionDenied", datasetRid=rid, streamBranchName=branch)
        records = seen.json()["records"]
        kinds = {"LONG": int, "STRING": str}
        for record in records:
            for name, value in record.items():
                if name not in self.fields or (value is not None and not isinstance(value, kinds[self.fields[name]])):
                    raise Refusal(400, "RecordDoesNotMatchStreamSchema", datasetRid=rid, branchName=branch, field=name)
        self.records += records
        return Answer(204)

    def _demand_action(self, ontology: str, action: str) -> None:
        if ontology != ONTOLOGY:
            raise Refusal(404, "OntologyNotFound", ontologyApiName=ontology)
        if action != ACTION:
            raise Refusal(404, "ActionTypeNotFound", actionType=action)

    def _apply(self, seen: Seen) -> Answer:
        """A 200 in any case that concerns the parameters: the validation in it says whether anything was done."""
        asked = seen.json()
        parameters = asked["parameters"]
        if odd := sorted(set(parameters) - set(self.required)):
            raise Refusal(
                400,
                "ParametersNotFound",
                actionType=ACTION,
                unknownParameterIds=odd,
                configuredParameterIds=sorted(self.required),
            )
        executes = asked.get("options", {}).get("mode", "VALIDATE_AND_EXECUTE") == "VALIDATE_AND_EXECUTE"
        criterion = self.criterion and not (executes and self.fails_between)
        validation = self._validation(parameters, criterion)
        if self.silent and executes:
            return Answer(200, {})
        if not executes or validation["result"] == "INVALID":
            return Answer(200, {"validation": validation})
        self.applied.append(parameters)
        edits = {
            "type": "edits",
            "edits": [{"type": "addObject", "primaryKey": 4711, "objectType": "WorkOrder"}],
            **dict.fromkeys(
                (
                    "addedObjectCount",
                    "modifiedObjectsCount",
                    "deletedObjectsCount",
                    "addedLinksCount",
                    "deletedLinksCount",
                ),
                1,
            ),
        }
        return Answer(200, {"validation": validation, "edits": edits})

    def _validation(self, parameters: dict[str, Any], criterion: bool) -> dict[str, Any]:
        told = {
            name: {
                "result": "INVALID"
                if (needed and not parameters.get(name)) or len(str(parameters.get(name, ""))) > 60
                else "VALID",
                "evaluatedConstraints": [{"type": "stringLength", "lte": 60}]
                if len(str(parameters.get(name, ""))) > 60
                else [],
                "required": needed,
            }
            for name, needed in self.required.items()
        }
        holds = criterion and all(one["result"] == "VALID" for one in told.values())
        criteria = [
            {
                "result": "VALID" if criterion else "INVALID",
                "configuredFailureMessage": "Press 4 has an open work order.",
            }
        ]
        return {"result": "VALID" if holds else "INVALID", "submissionCriteria": criteria, "parameters": told}


def _file(path: str, transaction: str) -> dict[str, Any]:
    return {
        "path": path,
        "transactionRid": transaction,
        "sizeBytes": "12",
        "updatedTime": datetime.now(UTC).isoformat(),
    }
