"""Who is let in to the page and the API, over real sockets: every route, every role, every way out again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route

from andon.app.web.access import SESSION_COOKIE
from andon.app.web.entrance import SAFE
from andon.core.credentials import digest
from andon.core.models import Role
from andon.store import Visitor, people
from andon.store.engine import audit
from support.site import FORM, HASH, PASSWORD, Caller, Site, site

JSON = "application/json"
PEOPLE = {"Vera": Role.VIEWER, "Otto": Role.OPERATOR, "Ada": Role.ADMIN}
#: Open to everybody, whatever the settings say; what else is open is a mistake.
OPEN = {"/healthz", "/readyz", "/login", "/static/{name:path}"}
#: Changes that need no role.
FOR_ALL = {"/login", "/logout"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One that demands a login, as it does where others reach it."""
    with site(tmp_path_factory.mktemp("house"), PEOPLE) as found:
        yield found


def routes(found: Site) -> list[tuple[str, str]]:
    """Method and path of everything that is served."""
    served = [(method, one.path) for one in _routes(found) for method in sorted(one.methods or ())]
    assert len(served) > 25
    return [(method, path) for method, path in served if method != "HEAD"]


def _routes(found: Site) -> list[Route]:
    """Each once: one of a router that FastAPI includes would be built again when the first page is asked for."""
    plain = [one for one in found.app.routes if isinstance(one, Route)]
    assert len(plain) == len(found.app.routes)
    return plain


def test_every_change_names_the_role_that_it_needs(house: Site) -> None:
    """Beside what the entrance demands of all of them; what only administrators may is refused to an operator."""
    silent = set()
    for one in _routes(house):
        checks = [dependency.call.__qualname__ for dependency in one.dependant.dependencies] if _is_ours(one) else []
        if (one.methods or set()) - SAFE and "at_least.<locals>.check" not in checks:
            silent.add(one.path)
    assert silent == {*FOR_ALL, "/name"}
    operator = house.visitor("Otto")
    answer = operator("POST", "/api/problems/1/merge", "{}", Content_Type=JSON, X_CSRF_Token=operator.csrf)
    assert (answer.status, "this needs the role admin, yours is operator" in answer.text) == (403, True)


def _is_ours(one: Route) -> bool:
    return hasattr(one, "dependant")


def filled(path: str) -> str:
    """A path with something for each of its parameters."""
    return re.sub(r"{[^}]*}", "1", path)


def test_every_route_but_the_open_ones_is_closed_to_nobody(house: Site) -> None:
    """Pages lead to the login, all else is 401; so is what nobody has thought of yet."""
    open_ = set()
    for method, path in [*routes(house), ("GET", "/nothing/here"), ("POST", "/nothing"), ("DELETE", "/api/nothing")]:
        answer = Caller(house.port)(method, filled(path))
        if path in OPEN:
            open_.add(path)
        elif answer.status == 303:
            assert answer.headers["Location"].rpartition("/")[2].startswith("login"), path
        else:
            assert answer.status == 401, (method, path)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert open_ == OPEN


def test_every_change_is_refused_to_a_viewer_and_without_the_token_of_the_page(house: Site) -> None:
    """Whatever the route says itself: 403, before anything of the request is looked at."""
    viewer, admin = house.visitor("Vera"), house.visitor("Ada")
    csrf = viewer.csrf
    changes = [(method, path) for method, path in routes(house) if method != "GET" and path not in FOR_ALL]
    assert {("POST", f"/api/{name}/{{problem_id}}/verdict") for name in ("problems", "patterns")} <= set(changes)
    for method, path in changes:
        refused = viewer(method, filled(path), X_CSRF_Token=csrf)
        assert refused.status == 403, (method, path)
        assert "yours is viewer" in refused.text or "you logged in with" in refused.text
        forged = admin(method, filled(path))
        assert (forged.status, "X-CSRF-Token" in forged.text) == (403, True), (method, path)


def test_a_page_leads_to_the_login_and_back(house: Site) -> None:
    """By relative addresses, so that any prefix works; only to pages of ours."""
    caller = Caller(house.port)
    assert caller.get("/journal?q=a%20b").headers["Location"] == "./login?next=journal%3Fq%3Da%2520b"
    assert caller.get("/problems/1?x=1").headers["Location"] == "../login?next=problems%2F1%3Fx%3D1"
    assert caller.get("/").headers["Location"] == "./login"
    assert 'value="journal?q=1"' in caller.get("/login?next=journal%3Fq%3D1").text
    assert caller.log_in("Otto", back="journal?q=a%20b").headers["Location"] == "./journal?q=a%20b"
    assert caller.get("/login?next=figures").headers["Location"] == "./figures"
    foreign = ["//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)"]
    foreign += ["../../x", "%2e%2e/x", "a/../../x", "live/now", "logout", "login?next=x", "a\r\nX: y", "http:evil"]
    for address in foreign:
        location = Caller(house.port).log_in("Otto", back=address).headers["Location"]
        assert location in ("./", "./javascript:alert%281%29"), address


def test_a_stream_and_a_part_of_a_page_say_where_to_log_in(house: Site) -> None:
    """htmx goes there; the page that is open comes back afterwards."""
    answer = Caller(house.port).get("/live/bar", HX_Request="true", Andon_Page="journal?q=1")
    assert (answer.status, answer.headers["HX-Redirect"]) == (401, "login?next=journal%3Fq%3D1")
    assert "log in again" in answer.text


def test_a_session_is_the_servers(house: Site) -> None:
    """Random, kept as a digest, another one with each log-in, ended by the log-out; its cookie is no script's."""
    caller = Caller(house.port)
    caller.cookies[SESSION_COOKIE] = "chosen-by-another"
    (cookie,) = caller.log_in("otto").set_cookies
    assert re.fullmatch(rf"{SESSION_COOKIE}=[\w-]{{43}}; HttpOnly; SameSite=strict", cookie)
    first = caller.cookies[SESSION_COOKIE]
    assert "Otto" in caller.get("/").text
    held = house.database.read_bytes() + house.database.with_name("agent.db-wal").read_bytes()
    assert first.encode() not in held
    assert digest(first).encode() in held
    old = Caller(house.port)
    old.cookies = dict(caller.cookies)
    caller.log_in("Otto")
    assert caller.cookies[SESSION_COOKIE] != first
    assert old.get("/").status == 303
    kept = dict(caller.cookies)
    left = caller.post("/logout", csrf=caller.csrf)
    assert (left.status, left.headers["Location"], caller.cookies) == (303, "./login", {})
    old.cookies = kept
    assert old.get("/").status == 303
    secure = Caller(house.port)(
        "POST", "/login", f"name=Otto&password={PASSWORD}", Content_Type=FORM, X_Forwarded_Proto="https"
    )
    assert "; Secure" in secure.set_cookies[0]


def test_the_token_of_a_page_is_in_a_header_or_a_form(house: Site) -> None:
    """That of the same session only; a program with a token of its own needs none."""
    caller, other = house.visitor("Otto"), house.visitor("Otto")
    verdict = ("POST", "/api/problems/1/verdict", '{"verdict": "helpful"}')
    assert caller(*verdict, Content_Type=JSON, X_CSRF_Token=caller.csrf).status == 404  # there is no such problem
    assert caller(*verdict, Content_Type=JSON, X_CSRF_Token=other.csrf).status == 403
    assert caller.post("/logout", csrf=other.csrf).status == 403
    assert caller.post("/logout", csrf="schlüssel").status == 403
    assert caller("POST", "/logout", "&".join(["a=1"] * 2_000), Content_Type=FORM).status == 403
    assert caller("POST", "/logout", f"csrf={caller.csrf}", Content_Type="text/plain").status == 403
    assert caller.post("/logout", csrf=caller.csrf).status == 303


def test_who_is_changed_is_out_at_the_next_request(house: Site) -> None:
    """Disabled, with another password, in another role; idle for 12 hours, or a week after the log-in."""
    house.change(people.add, "Émile", HASH, Role.OPERATOR, "test", now=0.0)
    ways: list[tuple[Any, ...]] = [(people.set_password, HASH), (people.set_role, Role.ADMIN)]
    for work, value in ways:
        caller = house.visitor("ÉMILE")
        house.change(work, "émile", value, "test")
        assert caller.get("/").status == 303
    caller, start = house.visitor("émile"), house.now[0]
    house.change(people.set_enabled, "émile", "test", enabled=False, now=start)
    assert caller.get("/").status == 303
    assert Caller(house.port).log_in("émile").status == 401
    house.change(people.set_enabled, "émile", "test", enabled=True, now=start)
    assert caller.get("/").status == 303
    try:
        caller = house.visitor("émile")
        for hours in range(11, 168, 11):
            house.now[0] = start + 3600 * hours
            assert caller.get("/").status == 200, hours
        house.now[0] = start + 7 * 86_400
        assert caller.get("/").status == 303
        caller = house.visitor("émile")
        house.now[0] += 12 * 3600
        assert caller.get("/").status == 303
    finally:
        house.now[0] = start


def test_programs_have_tokens_with_a_role(house: Site) -> None:
    """Made beside the service, noted when they are used, refused once they are revoked; for the API only."""
    for name, role in (("grafana", Role.VIEWER), ("mes", Role.OPERATOR)):
        house.change(people.add_token, name, digest(f"andon_{name}"), role, "test", now=0.0)
    reads, writes, caller = "Bearer andon_grafana", "bearer andon_mes", Caller(house.port)
    for path in ("/api/logs", "/metrics", "/openapi.json"):
        assert caller("GET", path, Authorization=reads).status == 200
    assert caller("GET", "/api/logs", Authorization="Bearer andon_other").status == 401
    assert caller("GET", "/", Authorization=reads).status == 303
    verdict = ("POST", "/api/problems/1/verdict", '{"verdict": "helpful"}')
    assert caller(*verdict, Content_Type=JSON, Authorization=reads).status == 403
    assert caller(*verdict, Content_Type=JSON, Authorization=writes).status == 404
    person = house.visitor("Vera")
    assert person("GET", "/api/logs", Authorization="Basic eDp5").status == 200  # a proxy's own
    assert person("GET", "/api/logs", Authorization="Bearer wrong").status == 401
    with Visitor(house.database) as visitor:
        assert visitor.read(people.tokens_listed)[0].last_used == house.now[0]
    house.change(people.revoke_token, "Grafana", "test", now=1.0)
    assert caller("GET", "/api/logs", Authorization=reads).status == 401


def test_the_token_of_the_settings_is_an_administrators(tmp_path: Path) -> None:
    """For the API as before; the page of a machine whose API demands one demands a login."""
    with site(tmp_path, {"Ada": Role.ADMIN}, http_login="auto", http_token="hush") as found:
        caller = Caller(found.port)
        assert caller("GET", "/api/logs", Authorization="Bearer hush").status == 200
        assert "ANDON_HTTP_TOKEN" in caller("GET", "/api/logs").text
        assert (
            caller(
                "POST",
                "/api/problems/1/verdict",
                '{"verdict": "wrong"}',
                Content_Type=JSON,
                Authorization="Bearer hush",
            ).status
            == 404
        )
        assert caller.get("/").status == 303
        assert found.visitor("Ada")("GET", "/api/logs").status == 200


def test_what_was_tried_is_in_the_audit_without_what_was_typed(house: Site) -> None:
    """A password that somebody types as a name is nobody's name."""
    caller = Caller(house.port)
    for name, password in (("Vera", "guessed it"), (PASSWORD, "Vera"), ("Vera", PASSWORD)):
        caller.log_in(name, password)
    caller.post("/logout", csrf=caller.csrf)
    with Visitor(house.database) as visitor:
        found = [(one.actor, one.action, one.subject) for one in visitor.read(audit.entries, 4, "user.log")]
    assert found == [
        ("Vera", "user.logout", "user Vera"),
        ("Vera", "user.login", "user Vera"),
        ("unknown", "user.login_failed", "no user"),
        ("unknown", "user.login_failed", "user Vera"),
    ]


def test_who_fails_again_and_again_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answer and the same work for a name that nobody has; then 429 with the seconds."""
    looked: list[str | None] = []
    monkeypatch.setattr(
        "andon.app.web.access.matches", lambda stored, given: looked.append(stored) or given == PASSWORD
    )
    with site(tmp_path, PEOPLE) as found:
        for waits in (found.access._names, found.access._addresses):
            waits._clock = lambda: 1_000.0  # two seconds are soon over on a busy machine
        caller = Caller(found.port)
        answers = {name: [caller.log_in(name, "wrong") for _ in range(5)] for name in ("Vera", "Nobody")}
        said = {answer.text.replace(name, "") for name, many in answers.items() for answer in many}
        assert len(said) == 1
        assert looked == [HASH] * 5 + [None] * 5
        for name in ("vera", "Nobody"):
            late = caller.log_in(name)
            assert (late.status, late.headers["Retry-After"]) == (429, "2")
            assert "wait 2 seconds" in late.text
        assert len(looked) == 10
        assert caller.log_in("Ada").status == 303


def test_nobody_can_log_in_before_somebody_is_added(tmp_path: Path) -> None:
    """The page says with which command, and shows no form."""
    with site(tmp_path, http_login="auto", http_host="0.0.0.0") as found:
        shown = Caller(found.port).get("/login").text
        assert "andon user add NAME --role admin" in shown
        assert "<form" not in shown
        assert Caller(found.port).log_in("anybody").status == 401


def test_on_loopback_a_name_is_asked_for_once(tmp_path: Path) -> None:
    """The browser keeps it, programs say it, and it opens nothing."""
    with site(tmp_path, http_login="auto") as found:
        caller = Caller(found.port)
        assert 'id="ask-name"' in caller.get("/").text
        kept = caller.post("/name", name="  Jörg ; Łukasz ")
        assert kept.set_cookies == ["andon_name=J%C3%B6rg%20%3B%20%C5%81ukasz; Max-Age=31536000; SameSite=strict"]
        page = caller.get("/").text
        assert ("Jörg ; Łukasz" in page, "ask-name" in page, "X-CSRF-Token" in page) == (True, False, False)
        parts = caller("POST", "/name", "name=Ada", Content_Type=FORM, HX_Request="true").text
        assert 'hx-target="#ask-name"' in parts
        assert "Ada" in parts
        for wrong in ("", "x" * 61, "a\u202eb", "a\x00b"):
            assert caller.post("/name", name=wrong).status == 400
        later = Caller(found.port)
        later.post("/name", name="", later="1")
        assert "ask-name" not in later.get("/").text
        assert later.get("/login").headers["Location"] == "./"
        for wrong in ("%ff", "%0a", "x" * 61, "a\x7fb"):
            assert "Your name" in Caller(found.port).get("/", Andon_Name=wrong).text
        assert "Zoë" in Caller(found.port).get("/", Andon_Name="Zo%C3%AB").text


def test_a_proxy_that_puts_another_host_in_its_place_names_ours(tmp_path: Path) -> None:
    """The name that it was asked for counts where the settings name it, and no other."""
    with site(tmp_path, http_login="auto", http_hosts="andon.plant.example") as found:
        caller = Caller(found.port)

        def status(origin: str, told: str) -> int:
            headers = {"Origin": origin, "X_Forwarded_Host": told}
            return caller("POST", "/name", "name=Ada", Content_Type=FORM, **headers).status

        assert status("https://andon.plant.example", "andon.plant.example") == 303
        assert status("https://andon.plant.example:8443", "andon.plant.example:8443") == 303
        assert status("https://andon.plant.example", "andon.plant.example:8443") == 403
        assert status("https://evil.example", "evil.example") == 403
        assert status("https://evil.example", "andon.plant.example") == 403
        assert status("https://andon.plant.example", "andon.plant.example, evil.example") == 403
