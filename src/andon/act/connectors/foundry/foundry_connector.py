"""The connector: what it renders and sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote, unquote

import msgspec

from andon.act.connectors.connector import Ability, Again, Checked, Connector, Setup, unable
from andon.act.connectors.foundry import foundry_checks, foundry_uploads, foundry_validation
from andon.act.connectors.foundry.foundry_api import Foundry
from andon.act.connectors.foundry.foundry_uploads import Uploads
from andon.act.connectors.hooks import demand_allowed
from andon.core.errors import ActionRefused, OutcomeUnknown
from andon.core.models.actions import (
    FILE_MAX,
    RECORDS_MAX,
    Apply,
    Operation,
    Order,
    OutgoingRequest,
    Publish,
    Receipt,
    Rendered,
    Upload,
)
from andon.core.outgoing_http import table, text
from andon.core.settings.connectors.foundry_settings import FoundryTable

_CORRECT = "correct parameters in [[foundry.actions]] and restart, then propose it again"


class FoundryConnector(Connector):
    """A Foundry with the datasets, streams and actions that the settings name, and no others."""

    kind: ClassVar[str] = "foundry"
    needs: ClassVar[Mapping[Operation, str]] = {
        Operation.UPLOAD: "datasets",
        Operation.PUBLISH: "streams",
        Operation.APPLY: "ontology and actions",
    }

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        own = setup.named.table
        assert isinstance(own, FoundryTable)  # noqa: S101 - the registry pairs them
        self.table = own
        self.foundry = Foundry(self.name, own, self.settings)
        self.uploads = Uploads(self.foundry, own.url, own.branch)

    @property
    def address(self) -> str:
        return self.table.url

    @property
    def abilities(self) -> Mapping[Operation, Ability]:
        able: dict[Operation, Ability] = {}
        if self.table.datasets:
            # the same file at the same path takes the place of the first
            able[Operation.UPLOAD] = Ability(Again.SAFE)
        if self.table.streams:
            able[Operation.PUBLISH] = Ability(Again.TWICE)
        if self.table.actions:
            # nothing tells afterwards whether an action was applied: a person has to
            able[Operation.APPLY] = Ability(Again.LOOK)
        return able

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.table.datasets, *self.table.streams)))

    def places_of(self, operation: Operation) -> tuple[str, ...]:
        places = {Operation.UPLOAD: self.table.datasets, Operation.PUBLISH: self.table.streams}
        return tuple(places.get(operation, ()))

    def render(self, order: Order) -> Rendered:
        arguments = order.arguments
        if order.operation not in self.abilities:
            raise unable(self, order.operation)
        if isinstance(arguments, Upload):
            return self._upload(arguments)
        if isinstance(arguments, Publish):
            return self._publish(arguments)
        if isinstance(arguments, Apply):
            return self._apply(arguments)
        raise unable(self, order.operation)

    async def send(self, order: Order, rendered: Rendered) -> Receipt:
        arguments = order.arguments
        if isinstance(arguments, Upload):
            demand_allowed(self.name, foundry_uploads.dataset_of(rendered.requests[0]), self.table.datasets)
            return await self.uploads.send(rendered.requests)
        if isinstance(arguments, Publish):
            (request,) = rendered.requests
            stream = unquote(request.url.partition("/streams/datasets/")[2].partition("/")[0])
            demand_allowed(self.name, stream, self.table.streams)
            await self.foundry.ask("POST", request.url, body=request.body)
            return Receipt(words=f"{len(arguments.rows)} rows published")
        if isinstance(arguments, Apply):
            self._demand_listed(arguments.action)
            return await self._applied(rendered)
        raise unable(self, order.operation)

    async def check(self) -> Sequence[Checked]:
        return await foundry_checks.check(self.table, self.foundry)

    async def close(self) -> None:
        await self.foundry.close()

    def _upload(self, upload: Upload) -> Rendered:
        if (size := len(upload.text.encode())) > FILE_MAX or not size:
            raise ActionRefused(f"the file has {size:,} bytes: it must have between 1 and {FILE_MAX:,}")
        dataset = self._of(upload.where, self.table.datasets)
        requests = self.uploads.requests(dataset, self._path(upload.path), upload.text)
        return Rendered(
            requests,
            (
                f"{{transaction}} is the transaction that the first request opens on the branch {self.table.branch}.",
                "Where the upload or the commit breaks, the transaction is aborted: "
                f"POST {requests[2].url.removesuffix('commit')}abort",
            ),
        )

    def _publish(self, publish: Publish) -> Rendered:
        if not 0 < len(publish.rows) <= RECORDS_MAX:
            raise ActionRefused(f"{len(publish.rows):,} rows: there must be between 1 and {RECORDS_MAX:,}")
        stream = quote(self._of(publish.where, self.table.streams), safe="")
        branch = quote(self.table.branch, safe="")
        url = f"{self.table.url}/api/v2/highScale/streams/datasets/{stream}/streams/{branch}/publishRecords"
        notes = ("Where the answer is missing they are published again: tell them apart by problem_id and last_seen.",)
        return Rendered((OutgoingRequest("POST", url, _encoded({"records": publish.rows})),), notes)

    def _apply(self, apply: Apply) -> Rendered:
        self._demand_listed(apply.action)
        ontology = quote(self.table.ontology, safe="")
        url = f"{self.table.url}/api/v2/ontologies/{ontology}/actions/{quote(apply.action, safe='')}/apply"
        options = ({"mode": "VALIDATE_ONLY"}, {"mode": "VALIDATE_AND_EXECUTE", "returnEdits": "ALL"})
        return Rendered(
            tuple(
                OutgoingRequest("POST", url, _encoded({"options": one, "parameters": apply.parameters}))
                for one in options
            ),
            (
                "The first request changes nothing: Foundry only validates it. The second is sent if the first is "
                "valid.",
            ),
        )

    def _demand_listed(self, action: str) -> None:
        if action not in (allowed := [one.name for one in self.table.actions]):
            raise ActionRefused(
                f"{self.name} may not apply {action!r:.60}; the settings allow: {', '.join(allowed) or 'none'}"
            )

    async def _applied(self, rendered: Rendered) -> Receipt:
        """Validate, then apply. A 200 is no success: what it says of the validation counts."""
        trial, real = rendered.requests
        client = self.foundry.client
        answer = client.json(await self.foundry.ask("POST", trial.url, body=trial.body, reads=True))
        if (why := foundry_validation.failed(answer)) is not None:
            raise ActionRefused(f"{self.name} would not apply it: {why}; nothing was changed: {_CORRECT}")
        answer = client.json(await self.foundry.ask("POST", real.url, body=real.body), changed=True)
        why = foundry_validation.failed(answer)
        if why is not None and table(answer, "validation"):
            raise ActionRefused(f"{self.name} did not apply it: {why}; {_CORRECT}")
        if why is not None and not table(answer, "edits"):
            raise OutcomeUnknown(f"{self.name} answered 200 but did not say whether the action was applied")
        ref = text(answer, "operationId") or _first_object(answer)
        return Receipt(ref=ref, words="applied")

    def _of(self, where: str, allowed: Sequence[str]) -> str:
        """The dataset or stream that is meant. Raises ActionRefused where the settings do not allow it."""
        if where and where not in allowed:
            listed = ", ".join(allowed) or "none"
            raise ActionRefused(f"{self.name} may not write to {where!r:.80}; the settings allow: {listed}")
        return where or allowed[0]

    def _path(self, path: str) -> str:
        """The path in the dataset, below the folder of the settings. Raises ActionRefused."""
        parts = path.split("/")
        if any(part.strip() in ("", ".", "..") for part in parts) or "\\" in path:
            raise ActionRefused(f"{path!r:.80} is not a file path such as shift-reports/night.html")
        return "/".join([*filter(None, (self.table.folder,)), *parts])


def _first_object(answer: Any) -> str:
    """The key of the first object that an action made or changed."""
    edits = table(answer, "edits").get("edits")
    for one in edits if isinstance(edits, list) else ():
        if isinstance(one, dict) and (found := one.get("primaryKey")) not in (None, ""):
            return str(found)
    return ""


def _encoded(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()
