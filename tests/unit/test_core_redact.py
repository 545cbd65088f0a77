"""Secrets and invisible characters do not reach a model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.redact import REDACTED, clean, clean_value, redact, visible
from support.growth import grows_like_a_line

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://mes:p@ss@db/plant", f"postgres://mes:{REDACTED}@db/plant"),
        ("amqp://:secret9@mq", f"amqp://:{REDACTED}@mq"),
        ("password=abc123", f"password={REDACTED}"),
        ("passwd='my pass' ok", f"passwd={REDACTED} ok"),
        ("db_password: hunter2", f"db_password: {REDACTED}"),
        ('{"api_key": "a\\"b", "x": 1}', f'{{"api_key": {REDACTED}, "x": 1}}'),
        ("Server=x;User Id=sa;Pwd=S3cret!;Db=1", f"Server=x;User Id=sa;Pwd={REDACTED};Db=1"),
        ("AccountName=a;AccountKey=abc==;X=1", f"AccountName=a;AccountKey={REDACTED};X=1"),
        ("https://b/?sv=1&sig=abc%3D&se=1", f"https://b/?sv=1&sig={REDACTED}&se=1"),
        ("Authorization: Bearer abc.def12345", f"Authorization: Bearer {REDACTED}"),
        ("got Bearer abcDEF12345678", f"got Bearer {REDACTED}"),
        ("Cookie: sid=1; x=2", f"Cookie: {REDACTED}"),
        (f"jwt {JWT} end", f"jwt {REDACTED} end"),
        ("AKIAIOSFODNN7EXAMPLE", REDACTED),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", f"aws_secret_access_key = {REDACTED}"),
        ("ghp_" + "a1" * 18, REDACTED),
        ("sk-proj-" + "a1" * 18, REDACTED),
        ("xoxb-1234567890-abc", REDACTED),
        ("mysql --password hunter2 -u root", f"mysql --password {REDACTED} -u root"),
        ("ALTER USER x IDENTIFIED BY 'y z'", f"ALTER USER x IDENTIFIED BY {REDACTED}"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x", f"{REDACTED} x"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", REDACTED),
    ],
)
def test_secrets_go(text: str, expected: str) -> None:
    """The value goes, the name and what stands around it stay."""
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Token: expired",
        "bearer authentication failed",
        "password authentication failed for user mes",
        "max_tokens=1024",
        "http://10.0.0.1:8080/path?m=a@b",
        "SV0401 servo alarm: axis X, torque=5.2 Nm",
        "F30005 power unit overload I2t",
        "ORA-00600 internal error code",
        "opc.tcp://plc-7:4840",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Codes, addresses and messages about tokens are what the model needs."""
    assert redact(text) == text


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
            REDACTED,
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
    assert (value["Password"], value["token"], value["i"]) == (REDACTED, REDACTED, "…")
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
]


@pytest.mark.parametrize("unit", UNITS)
def test_linear(unit: str) -> None:
    """The cost grows with the length."""
    assert grows_like_a_line(lambda size: redact(visible(unit * (size // len(unit)))), 4_000)
