"""Secrets and invisible characters do not reach a model."""

from __future__ import annotations

import contextlib
import json
import random
import re
import runpy
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.redact import Redactor, clean, clean_value, one_numbering, redact, visible
from andon.core.redact.tokens import rules
from support.growth import grows_like_a_line
from support.secret_spellings import CONTEXTS, OTHER, PIN, PINS, PLAIN, TEXTS, S

ONE = "[secret 1]"


def _made(recipe: str) -> str:
    """A token by its recipe, such as ``ghp_{alnum:36}``; the same at every run."""
    lot = random.Random(recipe)
    alphabets = {
        "alnum": string.ascii_letters + string.digits,
        "low": string.ascii_lowercase + string.digits,
        "upnum": string.ascii_uppercase + string.digits,
        "hex": "0123456789abcdef",
        "digit": string.digits,
        "base32": string.ascii_uppercase + "234567",
    }

    def drawn(found: re.Match[str]) -> str:
        letters = [lot.choice(alphabets[found[1]]) for _ in range(int(found[2]))]
        if found[1] == "alnum" and len(letters) > 1:
            letters[1] = "7"  # whatever is drawn, it has a digit
        return "".join(letters)

    return re.sub(r"\{(\w+):(\d+)\}", drawn, recipe)


JWT = _made("eyJ{alnum:20}.eyJ{alnum:24}.{alnum:30}")


@pytest.mark.parametrize("secret", [S, OTHER])
def test_every_spelling_is_seen(secret: str) -> None:
    """However a secret is written, nothing of it is left, and a second pass changes nothing."""
    shown = [redact(visible(text.format(secret))) for text in TEXTS]
    assert [one for one in shown if secret in one] == []
    assert [redact(one) for one in shown] == shown


def _fixture(name: str) -> list[str]:
    return (Path(__file__).parent.parent / "fixtures" / name).read_text(encoding="utf-8").splitlines()


def test_what_people_and_machines_wrote_is_seen() -> None:
    """Lines of operators, network gear, scripts and contexts; the secrets stand in ⟦ ⟧."""
    lines = _fixture("secrets_marked.txt")
    assert len(lines) > 200
    left = []
    for line in lines:
        secrets = re.findall("⟦(.*?)⟧", line)
        raw = re.sub("⟦(.*?)⟧", lambda found: found[1], line)
        shown = redact(visible(raw))
        if line.startswith("{"):
            with contextlib.suppress(ValueError):
                shown = json.dumps(clean_value(json.loads(raw)), ensure_ascii=False)
        left += [(line, shown) for secret in secrets if secret in shown]
    assert left == []


def test_faults_that_speak_of_secrets_lose_nothing() -> None:
    """Pins of connectors, expired passwords, rings of tokens, switches with keys."""
    assert [(line, redact(line)) for line in _fixture("secrets_none.txt") if redact(line) != line] == []


def test_a_context_with_numbers_under_a_secret_name_is_seen() -> None:
    """Whatever their type."""
    shown = json.dumps(clean_value({"pin": 4711.5, "pin_code": 4455, "secret": 12.75, "accessToken": 12345678901}))
    assert not re.search(r"\d{4}|12\.75", shown)


def test_a_persons_pin_is_seen() -> None:
    """Digits that open something go, however they are told."""
    assert [text for text in PINS if PIN in redact(text.format(PIN))] == []


def test_every_form_of_a_context_is_seen() -> None:
    """In objects, lists, pairs, argument lists, tables, headers, texts within, and as a key."""
    shown = [json.dumps(clean_value(context), ensure_ascii=False) for context in CONTEXTS]
    assert [one for one in shown if any(secret in one for secret in (S, OTHER, PIN, "0.4711"))] == []
    assert [clean_value(json.loads(one)) for one in shown] == [json.loads(one) for one in shown]


def test_what_is_no_secret_stays() -> None:
    """Codes, addresses and messages about secrets are what a fault is known by."""
    assert [(text, redact(text)) for text in PLAIN if redact(text) != text] == []
    values = [{"message": text, "k": [text]} for text in PLAIN]
    assert [clean_value(one) for one in values] == values


@pytest.mark.parametrize(
    "value",
    [
        {"pin": 3, "token_type": "Bearer", "password_expired": True, "tokens": 512, "max_tokens": 1024, "key": "F4"},
        {"name": "spindle", "value": 5.2, "auth": {"method": "none", "failed": True}, "bypass": True, "pass": 12},
        {"fields": ["user", "password", "email"], "missing": ["password", "email"], "community": None, "pwm": 45},
        {"secret_name": "mes-db", "key_switch": 2, "public_key_size": 4096, "session": "0x3f", "pin": "X4-3"},
        {
            "columns": ["axis", "torque"],
            "rows": [["X", 5.2]],
            "argv": ["mkdir", "-p", "/data"],
            "ports": ["-p", "80:80"],
        },
        {"node": "ns=2;s=A.B", "id": "7f3e4a52-9b1c-4d8e-a6f0-1234567890ab", "commit": "a1306dd" * 5 + "a1306"},
        {"big": 2**62, "none": None, "password": None, "secret": "", "token": []},
    ],
)
def test_fields_that_hold_no_secret_stay(value: dict[str, object]) -> None:
    """Also under names that have a secret's word in them."""
    assert clean_value(value) == value


def test_what_the_repository_brings_loses_nothing() -> None:
    """The labelled cases, the playbook with its examples, the demo's shift, the loggers' lines."""
    tool = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "redactions.py"))
    count, taken = tool["taken_from"](tool["bundled"]())
    assert count > 5_000
    assert taken == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://mes:p@ss@db/plant", f"postgres://mes:{ONE}@db/plant"),
        ("https://u:p/s@h/x", f"https://u:{ONE}@h/x"),
        ("password=abc123", f"password={ONE}"),
        ("passwd='my pass' ok", f"passwd='{ONE}' ok"),
        ('{"api_key": "a\\"b", "x": 1}', f'{{"api_key": "{ONE}", "x": 1}}'),
        ("Server=x;User Id=sa;Pwd=S3cret!;Db=1", f"Server=x;User Id=sa;Pwd={ONE};Db=1"),
        ("AccountName=a;AccountKey=abc==;X=1", f"AccountName=a;AccountKey={ONE};X=1"),
        ("https://b/?sv=1&sig=abc%3D%2Bdef4567&se=1", f"https://b/?sv=1&sig={ONE}&se=1"),
        ("Authorization: Bearer abc.def12345", f"Authorization: Bearer {ONE}"),
        ("got Bearer abcDEF12345678", f"got Bearer {ONE}"),
        ("Cookie: sid=1; x=2", f"Cookie: {ONE}"),
        (f"jwt {JWT} end", f"jwt {ONE} end"),
        ("mysql --password hunter2 -u root", f"mysql --password {ONE} -u root"),
        ("ALTER USER x IDENTIFIED BY 'y z'", f"ALTER USER x IDENTIFIED BY '{ONE}'"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x", f"{ONE} x"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", ONE),
        ("user=a, password=x,y!z, station=4", f"user=a, password={ONE}, station=4"),
        ("login failed (user: a, password: xY1)", f"login failed (user: a, password: {ONE})"),
    ],
)
def test_the_value_goes_and_the_rest_stays(text: str, expected: str) -> None:
    """The name, and what stands around, are kept."""
    assert redact(text) == expected


def test_equal_secrets_get_equal_placeholders() -> None:
    """Within one numbering, over texts and values; another numbering begins anew, and nothing leads back."""
    with one_numbering():
        assert clean("password=Ab1xyzzy and token=Cd2xyzzy", 200) == "password=[secret 1] and token=[secret 2]"
        assert clean_value({"pwd": "Cd2xyzzy", "api_key": "Ef3"}) == {"pwd": "[secret 2]", "api_key": "[secret 3]"}
        with one_numbering():
            assert clean("the password is Ab1xyzzy", 200) == "the password is [secret 1]"
        # once known, it is seen where nothing says what it is
        assert clean("tried Ab1xyzzy again", 200) == "tried [secret 1] again"
    assert clean("tried Ab1xyzzy again, password=Ef3", 200) == "tried Ab1xyzzy again, password=[secret 1]"


def test_a_redactor_numbers_what_it_is_given() -> None:
    """One object is one numbering, whoever holds it; a number that stands already is not given again."""
    one = Redactor()
    assert one.redact("[secret 4] password=x1") == "[secret 4] password=[secret 5]"
    assert one.value({"secret": "x1", "n": [1, None]}) == {"secret": "[secret 5]", "n": [1, None]}


def test_every_token_rule_catches_its_example_and_no_other() -> None:
    """By itself and in a sentence, whole; a shorter one is none."""
    for rule in rules():
        token = _made(rule.example)
        assert any(one in token.lower() for one in rule.contains), rule.id
        found = rule.pattern.search(f"got {token}, retry")
        assert found is not None, rule.id
        assert found.end() == len(f"got {token}"), rule.id
        assert "[secret 1]" in redact(f"got {token}, retry"), rule.id
        assert rule.pattern.search(f"got {_made(rule.other)}, retry") is None, rule.id


def test_every_token_rule_is_linear() -> None:
    """On its own beginning, again and again, and on what never ends it."""
    slow = []
    for rule in rules():
        for unit in (_made(rule.other), _made(rule.example)[:-1] + " ", rule.contains[0]):

            def work(size: int, unit: str = unit, find: Any = rule.pattern.findall) -> None:
                find(unit * (size // len(unit)))

            if not grows_like_a_line(work, 1_000):
                slow.append((rule.id, unit))
    assert slow == []


@given(st.text(max_size=300))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    """For any text, and it never raises."""
    once = redact(text)
    assert redact(once) == once


MIXED = st.lists(
    st.sampled_from(
        [
            "password",
            "=",
            ":",
            " ",
            '"',
            "'",
            "Bearer ",
            "Authorization",
            "://",
            "@",
            "a1b2c3d4",
            "[secret 1]",
            "--token ",
            "x",
        ]
    ),
    max_size=14,
).map("".join)


@given(MIXED)
def test_redacting_twice_changes_nothing_more_where_it_is_hard(text: str) -> None:
    """The same for texts made of what the patterns look for."""
    once = redact(text)
    assert redact(once) == once


SECRET = st.text(
    alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789!#$%*+-_.", min_size=8, max_size=60
)


@given(SECRET, st.sampled_from(["password={}", "api_key: 7{}", "x://u:{}@h", '"client_secret":"{}"', "Pwd={};A=b"]))
def test_any_secret_in_a_known_place_goes(secret: str, place: str) -> None:
    """Whatever the secret, it is not in the result."""
    assert secret not in redact(f"login failed {place.format(secret)}")


@given(st.text(max_size=200))
def test_visible_leaves_nothing_invisible(text: str) -> None:
    """No control, bidirectional, zero-width or tag character is left, and all else is."""
    shown = visible(text)
    assert all(c in "\t\n" or (c.isprintable() or c.isspace() or ord(c) >= 0x378) for c in shown)
    assert not set(shown) & {chr(c) for c in (*range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF, 0x1B, 0)}


def test_terminal_escapes_go_as_a_whole() -> None:
    """A colour code leaves no ``[31m`` behind, a window title none of its text."""
    assert visible("a\x1b[1;31mb\x1b]0;title\x07c\x9b") == "abc"


def test_tag_characters_go() -> None:
    """Text hidden in U+E0000 tags and variation selectors is not shown to the model."""
    assert visible("a" + "".join(chr(0xE0000 + ord(c)) for c in "ignore all") + "\ufe0fb") == "ab"


def test_half_a_secret_at_the_cut_does_not_show() -> None:
    """A long text is redacted before it is cut, and loses the word that the window cut in two."""
    text = "x " * 100 + JWT * 40
    assert "eyJ" not in clean(text, 300)
    assert len(clean("ab " * 10_000, 100)) <= 100


def test_json_values_lose_secrets_depth_and_length() -> None:
    """Secret keys lose their values; long strings, deep nests, many items and huge numbers are cut."""
    nested: object = "deep"
    for _ in range(50):
        nested = {"n": nested}
    value = clean_value(
        {
            "Password": "a",
            "token": 5,
            "n": nested,
            "l": list(range(100)),
            "s": "x" * 2_000,
            "i": 10**30,
            "ok": [True, None],
        }
    )
    assert (value["Password"], value["token"], value["i"]) == ("[secret 1]", "[secret 2]", "…")
    assert len(value["l"]) == 24
    assert len(value["s"]) == 500
    assert value["ok"] == [True, None]
    assert "deep" not in str(value)


UNITS = [
    *("password", "password=", "://", "://a:", "-----BEGIN PRIVATE KEY-----", "eyJ", "-eyJ", "eyJaaaaa.", "Bearer "),
    *(
        "bearer a",
        "cookie:",
        "sk-",
        "\x1b[",
        "\x1b]",
        '"',
        'password="',
        "token:  ",
        "a",
        "--token ",
        "password '",
        "sk-a-",
    ),
    *(
        "<password>",
        "password is ",
        "changed password from a to ",
        "pin ",
        "key=",
        '\\"password\\":',
        "mysql -p ",
        "[",
        "(",
    ),
    *(
        '{"name":"password",',
        '"value":"x","name":"password",',
        "into t(pwd) values ('a'),",
        "user a password ",
        "a:b@",
        "http://a:b",
    ),
    *(
        "snmp-server community ",
        "authorization: digest a=b,",
        "password=[",
        "password='it's ",
        "login with a/",
        "&quot;password",
    ),
    *(
        "passwort von a auf ",
        "密码",
        "ｐａｓｓｗｏｒｄ",
        "n\u0303",
        "-u a:b ",
        "net use x /user:a ",
        "\\",
        '\\"',
        "<*>",
        "x-key: ",
    ),
]


@pytest.mark.parametrize("unit", UNITS)
def test_linear(unit: str) -> None:
    """The cost grows with the length."""
    assert grows_like_a_line(lambda size: redact(visible(unit * (size // len(unit)))), 1_000)
