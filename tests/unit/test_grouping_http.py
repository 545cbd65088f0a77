"""HTTP lines, and names with versions: method and route are the problem, what varies in them is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.grouping import Fingerprinter
from andon.grouping.mask import IDENTITY, skeleton

fingerprint = Fingerprinter()


def key(message: str) -> str:
    return fingerprint(message, "svc", None).key


#: How servers and clients write a request; the target is left open, the status is 502.
LINES = {
    "nginx": '10.1.2.3 - - [29/Nov/2026:10:00:00 +0000] "GET {} HTTP/1.1" 502 157 "-" "curl/8.1"',
    "uvicorn": 'INFO:     10.1.2.3:51234 - "GET {} HTTP/1.1" 502 Bad Gateway',
    "morgan": "GET {} 502 12.3 ms - 17",
    "gin": '[GIN] 2026/11/29 - 10:00:00 | 502 |  1.2ms | 10.1.2.3 | GET  "{}"',
    "django": '[29/Nov/2026 10:00:00] "GET {} HTTP/1.1" 502 157',
    "actix": "GET {} answered 502",
    "client": "GET https://mes.plant:8443{} failed with status 502",
    "go": 'Get "http://mes.plant:8443{}": status 502',
    "aspnet": "Request finished HTTP/1.1 GET http://mes.plant{} - 502 - application/json 12.3ms",
    "logfmt": "method=GET path={} status=502 duration=12",
    "json": '{{"method":"GET","path":"{}","status":502}}',
    "morgan tiny": "502 GET {} 1.2ms",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_method_route_and_status_are_identity(line: str) -> None:
    """Another route, method or error status is another problem; ids, queries and clients are not."""
    base = line.format("/lines/17/shifts")
    same = (
        line.format("/lines/4/shifts"),
        line.format("/lines/17/shifts?from=a&to=b"),
        line.format("/lines/3f2b8c1e-aaaa-2222-3333-444455556666/shifts"),
        base.replace("10.1.2.3", "192.168.0.77").replace("curl/8.1", "Mozilla/5.0 (X11; Linux)").replace("157", "9"),
    )
    assert {key(one) for one in same} == {key(base)}
    others = (
        line.format("/lines/17/orders"),
        base.replace("GET", "POST").replace("Get", "Post"),
        base.replace("502", "404"),
    )
    assert len({key(base), *map(key, others)}) == 4


@given(
    st.sampled_from(sorted(LINES)),
    st.lists(st.sampled_from(["lines", "17", "orders", "v1", "shift-plan"]), min_size=1, max_size=5).map("/".join),
    st.text(alphabet="abz019=&%+._-~[]:,;@!$()*/?|", max_size=30),
)
@settings(max_examples=120, deadline=None)
def test_query_string_never_changes_the_key(name: str, path: str, query: str) -> None:
    line = LINES[name]
    assert key(line.format(f"/{path}?{query}")) == key(line.format(f"/{path}"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no more tries for url: /a/b/17?token=abc", "no more tries for url: /a/b/18?token=def&u=v"),
        ("could not open /login?next=x", "could not open /login?next=y&z=1"),
        ("cannot open /var/spool/x.log today", "cannot open /srv/y/z/b.log today"),
        (
            'Started GET "/a/17?x=1" for 10.1.2.3 at 2026-11-29 10:00:00 +0000',
            'Started GET "/a/18" for 10.9.9.9 at 2026-11-30 23:59:59 +0000',
        ),
        ("GET 1 of 5 tools", "GET 2 of 5 tools"),
        ("GET /a took 503 ms today", "GET /a took 17 ms today"),
        ('"GET /a/b HTTP/1.1" 200 17', '"GET /a/b HTTP/1.1" 304 0'),
        ("DELETE /blobs/deadbeefcafe is done", "DELETE /blobs/abcdefabcdef is done"),
    ],
)
def test_paths_queries_and_good_answers_are_values(one: str, other: str) -> None:
    """A path that no method asks for is a hole as a whole; answers below 400 are one and the same."""
    assert key(one) == key(other)


def test_route_is_one_token_that_is_never_a_name() -> None:
    """The late merger sees a method with its route as one token, and by its form that it names the problem."""
    template = fingerprint('"GET /lines/17/shifts?x=1 HTTP/1.1" 502 157', "", None).template
    assert template == '"GET /lines/*/shifts <*>" 502 <*>'
    assert skeleton(template)[0] == "GET /lines/*/shifts"
    assert IDENTITY.match("GET /lines/*/shifts")
    assert not IDENTITY.match("lines")


@pytest.mark.parametrize(
    "value",
    [
        *(
            "acme-core-1.2.3",
            "acme_2.10-3ubuntu1",
            "com.acme.app@1.2.3",
            "KB5001234",
            "acme-1.0~rc1",
            "acme-1.2+dfsg-1",
        ),
        *("com.acme.press/.MainActivity", "src/press/main.rs", "acme-utils:amd64 (1.2.3-4)"),
        *("Package_for_KB5001234~31bf3856ad364e35~amd64~~10.0.1.2", "acme==2.31.0", "libacme++6-1.2.el9.x86_64"),
        *("Package_1_for_KB900001~31bf3856ad364e35~amd64~en-US~6.1.1.7", "acme-2.17.1-SNAPSHOT.jar", "v1.2.3"),
    ],
)
def test_name_with_its_version_is_one_value(value: str) -> None:
    """Packages come and go: what is glued to a version is part of the hole."""
    assert fingerprint(f"could not install {value} on this host", "", None).template == (
        "could not install <*> on this host"
    )
