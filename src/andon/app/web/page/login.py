"""The login, the log-out, and, where nobody logs in, the name that a browser keeps. The login needs no script."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from andon.app.web.access import SESSION_COOKIE, Access, Refused
from andon.app.web.page.addresses import own_page, root_of
from andon.app.web.page.backend import Backend
from andon.app.web.page.live import partial
from andon.app.web.page.rendering import page, rendered
from andon.app.web.people import NAME_COOKIE, kept_name, person_of
from andon.core.credentials import NAME_MAX, checked_name
from andon.core.errors import ConfigError, StoreError

_YEAR = 365 * 86_400


def build_login_router(backend: Backend, access: Access) -> APIRouter:
    """``/login``, ``/logout`` and ``/name``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def login(request: Request, next: str = "") -> Response:  # noqa: A002 - as the address has it
        try:
            if access.open or await access.find(request, for_program=False) is not None:
                return _to(request, next)
            return _form(request, backend, next, anybody=await access.anybody())
        except StoreError as error:
            return _form(request, backend, next, str(error), 503)

    @router.post("/login")
    async def log_in(
        request: Request,
        name: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "",  # noqa: A002 - as above
    ) -> Response:
        try:
            begun = await access.log_in(request, name, password)
        except Refused as error:
            if not error.wait:
                return _form(request, backend, next, f"{error}: try again.", 401, name, anybody=True)
            seconds = math.ceil(error.wait)
            sentence = f"{error}: wait {seconds} second{'s' if seconds > 1 else ''}, then try again."
            answer = _form(request, backend, next, sentence, 429, name, anybody=True)
            answer.headers["Retry-After"] = str(seconds)
            return answer
        except StoreError as error:
            return _form(request, backend, next, str(error), 503, name, anybody=True)
        moved = _to(request, next)
        moved.set_cookie(
            SESSION_COOKIE, begun.secret, path=None, secure=_by_https(request), httponly=True, samesite="strict"
        )
        return moved

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        await access.log_out(request)
        left = RedirectResponse(root_of(request) + "login", 303)
        left.set_cookie(SESSION_COOKIE, "", 0, path=None, secure=_by_https(request), httponly=True, samesite="strict")
        return left

    @router.post("/name")
    async def name(request: Request, name: Annotated[str, Form()] = "", later: bool = Form(False)) -> Response:
        return _keep_name(request, backend, "" if later else name, later=later)

    return router


def _form(
    request: Request,
    backend: Backend,
    back: str,
    sentence: str = "",
    status: int = 200,
    name: str = "",
    *,
    anybody: bool | None = None,
) -> HTMLResponse:
    """The login page; ``anybody`` says whether there is anybody who may log in, None where that is not known."""
    said = sentence[:1].upper() + sentence[1:]
    values = {"sentence": said, "next": own_page(back), "name": name[:NAME_MAX], "anybody": anybody}
    return page(request, backend, "login.html", status, **values)


def _keep_name(request: Request, backend: Backend, given: str, *, later: bool) -> Response:
    """Let the browser keep a name, or that it was asked for one. Raises HTTPException."""
    person = person_of(request)
    if person.logged_in:
        raise HTTPException(403, "you cannot change the name you logged in with")
    try:
        name = None if later else checked_name(given)
    except ConfigError as error:
        raise HTTPException(400, str(error)) from None
    if request.headers.get("hx-request"):
        request.state.person = person._replace(name=name, to_be_asked=False)
        parts = partial("#ask-name", "") + partial("#person", rendered(request, backend, "who.html"))
        answer: Response = HTMLResponse(parts)
    else:
        answer = _to(request, "./")
    kept = kept_name(name or "")
    answer.set_cookie(NAME_COOKIE, kept, _YEAR, path=None, secure=_by_https(request), samesite="strict")
    return answer


def _to(request: Request, address: str) -> RedirectResponse:
    """Off to a page of ours."""
    return RedirectResponse(root_of(request) + own_page(address).removeprefix("./"), 303)


def _by_https(request: Request) -> bool:
    """Whether the browser came by HTTPS. A proxy says so, and anybody may: it only keeps their own cookie in TLS."""
    told = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return request.url.scheme == "https" or told == "https"
