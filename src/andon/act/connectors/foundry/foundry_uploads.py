"""A file into a dataset: a transaction is opened, the file uploaded, the transaction committed, or aborted.

A branch of a dataset has one open transaction at a time. One that stays open keeps everybody from writing there, so
what this process opened and could not close is closed before the next upload.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from andon.act.connectors.foundry.foundry_api import Foundry
from andon.core.errors import ActionError, ActionRefused, OutcomeUnknown, TargetAway
from andon.core.models.actions import OutgoingRequest, Receipt
from andon.core.outgoing_http import entries, text
from andon.core.settings.connectors.foundry_settings import RID

if TYPE_CHECKING:
    import httpx2

#: What stands in the requests for the transaction that only Foundry knows.
_NAME = "transaction"
TRANSACTION = f"{{{_NAME}}}"
#: A transaction of somebody else that is younger is waited for, in seconds, and asked for again after so many.
_WORKING, _AGAIN = 3_600.0, 60.0
#: Seconds that an abort may take while the service stops.
_STOPPING = 5.0
#: How exactly an answer says when it was made, in seconds.
_CLOCK = 2.0


class Opened(NamedTuple):
    """A transaction as Foundry tells of it: whether it is open, and how old it is in seconds."""

    rid: str
    status: str
    age: float


class Uploads:
    """Uploads to the datasets of one Foundry, one at a time."""

    def __init__(self, foundry: Foundry, url: str, branch: str) -> None:
        self._foundry = foundry
        self._url = url
        self._branch = branch
        self._left: dict[str, str] = {}  # transactions that could not be aborted, by dataset
        self._asked: dict[str, float] = {}  # when one was asked for and no answer came (monotonic), by dataset

    def requests(self, dataset: str, path: str, content: str) -> tuple[OutgoingRequest, ...]:
        """The three requests."""
        base = self._base(dataset)
        opened = urlencode({"branchName": self._branch}, quote_via=quote)
        return (
            OutgoingRequest("POST", f"{base}/transactions?{opened}", '{"transactionType":"UPDATE"}'),
            OutgoingRequest(
                "POST",
                f"{base}/files/{quote(path, safe='')}/upload?transactionRid={TRANSACTION}",
                content,
                "application/octet-stream",
                filled=(_NAME,),
            ),
            OutgoingRequest("POST", f"{base}/transactions/{TRANSACTION}/commit", filled=(_NAME,)),
        )

    async def send(self, requests: tuple[OutgoingRequest, ...]) -> Receipt:
        """Upload what was rendered. Raises ActionError; where it is no OutcomeUnknown, no transaction stays open."""
        opening, uploading, committing = requests
        dataset = dataset_of(opening)
        path = unquote(uploading.url.partition("/files/")[2].partition("/upload?")[0])
        await self._close_left(dataset)
        rid = await self._open(dataset, path, opening)
        try:
            await self._sent(uploading, rid)
            await self._commit(dataset, committing, rid)
        except asyncio.CancelledError:  # the service stops: nobody may find the dataset locked
            with contextlib.suppress(ActionError, TimeoutError):
                async with asyncio.timeout(_STOPPING):
                    await self._abort(dataset, rid)
            raise
        except ActionError as error:
            if not await self._aborted(dataset, rid):
                raise
            if isinstance(error, OutcomeUnknown):
                raise TargetAway(f"{error}; the transaction was aborted") from error
            raise
        return Receipt(ref=path, words=f"committed as {rid}")

    async def _commit(self, dataset: str, request: OutgoingRequest, rid: str) -> None:
        """Commit; where no answer comes, see what became of it. Raises ActionError where it was not done."""
        try:
            await self._sent(request, rid)
        except OutcomeUnknown as error:
            try:
                found = await self._transaction(dataset, rid)
            except ActionError:
                raise error from None
            if found.status != "COMMITTED":
                raise

    async def _sent(self, request: OutgoingRequest, rid: str) -> None:
        # in the address only: what a file says is its own
        url = request.url.replace(TRANSACTION, quote(rid, safe=""))
        await self._foundry.ask(
            request.method, url, body=request.body or None, content_type=request.content_type, reads=False
        )

    async def _open(self, dataset: str, path: str, request: OutgoingRequest) -> str:
        """Open a transaction; its RID. One that an earlier try of this upload left open is closed first."""
        response = await self._asking(dataset, request)
        if response.status_code == 409:
            branch = parse_qs(urlsplit(request.url).query)["branchName"][0]
            await self._take_over(dataset, branch, path, self._foundry.client.said(response))
            response = await self._asking(dataset, request)
            if response.status_code == 409:
                raise TargetAway(
                    f"{self._foundry.client.name} answered 409: {self._foundry.client.said(response)}",
                    retry_after=_AGAIN,
                )
        self._asked.pop(dataset, None)
        rid = text(self._foundry.client.json(response, changed=True), "rid")
        if rid is None or not RID.match(rid):
            raise OutcomeUnknown(f"{self._foundry.client.name} opened a transaction but did not say which")
        return rid

    async def _asking(self, dataset: str, request: OutgoingRequest) -> httpx2.Response:
        began = time.monotonic()
        try:
            return await self._foundry.ask(request.method, request.url, body=request.body, returned=(409,))
        except OutcomeUnknown:
            self._asked.setdefault(dataset, began)
            raise

    async def _take_over(self, dataset: str, branch: str, path: str, said: str) -> None:
        """Abort the open transaction where it is surely ours. Raises where it is somebody else's."""
        name = self._foundry.client.name
        opened = await self._current(dataset, branch)
        if opened is None or opened.status != "OPEN":
            return  # it was closed a moment ago
        asked = self._asked.get(dataset)
        lost = asked is not None and opened.age <= time.monotonic() - asked + _CLOCK
        held = await self._paths(dataset, opened.rid)
        if held == [path] or (lost and not held):
            await self._abort(dataset, opened.rid)
            return
        told = f"{name} answered 409: {said}; {opened.rid} is open, since {opened.age / 60:,.0f} minutes"
        if opened.age < _WORKING:
            raise TargetAway(f"{told}: another program is writing there", retry_after=_AGAIN)
        raise ActionRefused(f"{told}: if nothing is writing there any longer, abort it in Foundry, then retry")

    async def _current(self, dataset: str, branch: str) -> Opened | None:
        """The newest transaction of the branch that is open or committed."""
        response = await self._foundry.ask("GET", f"{self._base(dataset)}/branches/{quote(branch, safe='')}")
        rid = text(self._foundry.client.json(response), "transactionRid")
        return None if rid is None else await self._transaction(dataset, rid)

    async def _transaction(self, dataset: str, rid: str) -> Opened:
        response = await self._foundry.ask("GET", f"{self._base(dataset)}/transactions/{quote(rid, safe='')}")
        answer = self._foundry.client.json(response)
        try:
            created = datetime.fromisoformat(text(answer, "createdTime") or "").timestamp()
            now = parsedate_to_datetime(response.headers.get("date", "")).timestamp()
        except (TypeError, ValueError):
            created, now = 0.0, time.time()
        return Opened(rid, text(answer, "status") or "", max(0.0, now - created))

    async def _paths(self, dataset: str, rid: str) -> list[str]:
        """The paths that a transaction holds."""
        only = urlencode({"startTransactionRid": rid, "endTransactionRid": rid, "pageSize": "10"})
        answer = self._foundry.client.json(await self._foundry.ask("GET", f"{self._base(dataset)}/files?{only}"))
        return [text(one, "path") or "" for one in entries(answer, "data")]

    async def _aborted(self, dataset: str, rid: str) -> bool:
        """Abort a transaction; where that fails it is remembered."""
        try:
            await self._abort(dataset, rid)
        except ActionError:
            self._left[dataset] = rid
            return False
        return True

    async def _abort(self, dataset: str, rid: str) -> None:
        await self._foundry.ask("POST", f"{self._base(dataset)}/transactions/{quote(rid, safe='')}/abort", reads=False)

    async def _close_left(self, dataset: str) -> None:
        """Abort what an earlier upload left open, unless it is closed by now."""
        if (rid := self._left.get(dataset)) is None:
            return
        if (await self._transaction(dataset, rid)).status == "OPEN":
            await self._abort(dataset, rid)
        del self._left[dataset]

    def _base(self, dataset: str) -> str:
        return f"{self._url}/api/v2/datasets/{quote(dataset, safe='')}"


def dataset_of(request: OutgoingRequest) -> str:
    """The dataset that a rendered request writes to."""
    return unquote(urlsplit(request.url).path.partition("/api/v2/datasets/")[2].partition("/")[0])
