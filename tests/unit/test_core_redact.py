"""Secrets and invisible characters do not reach a model."""

from __future__ import annotations

import json
import random
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.redact import Redactor, clean, clean_value, one_numbering, redact, visible
from andon.core.redact.tokens import Rule, rules
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


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("secret", [S, OTHER])
def test_every_spelling_is_seen(text: str, secret: str) -> None:
    """However a secret is written, nothing of it is left, and a second pass changes nothing."""
    once = redact(visible(text.format(secret)))
    assert secret not in once
    assert redact(once) == once


@pytest.mark.parametrize("text", PINS)
def test_a_persons_pin_is_seen(text: str) -> None:
    """Digits that open something go, however they are told."""
    assert PIN not in redact(text.format(PIN))


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda one: str(one)[:60])
def test_every_form_of_a_context_is_seen(context: dict[str, object]) -> None:
    """In objects, lists, pairs, argument lists, tables, headers, texts within, and as a key."""
    shown = json.dumps(clean_value(context), ensure_ascii=False)
    assert not [one for one in (S, OTHER, PIN, "0.4711") if one in shown]
    assert clean_value(json.loads(shown)) == json.loads(shown)


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_stays(text: str) -> None:
    """Codes, addresses and messages about secrets are what a fault is known by."""
    assert redact(text) == text


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


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_every_token_rule_catches_its_example_and_no_other(rule: Rule) -> None:
    """By itself, in a sentence, and not within a longer word; a shorter one is none."""
    token = _made(rule.example)
    assert any(one in token.lower() for one in rule.contains)
    assert redact(f"got {token}, retry").startswith("got ")
    assert "[secret 1]" in redact(f"got {token}, retry")
    found = rule.pattern.search(f"got {token}, retry")
    assert found is not None
    assert found.end() == len(f"got {token}")
    assert rule.pattern.search(f"got {_made(rule.other)}, retry") is None


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_every_token_rule_is_linear(rule: Rule) -> None:
    """On its own beginning, again and again, and on a run that never ends it."""
    for unit in (
        _made(rule.other),
        _made(rule.other) + "-",
        _made(rule.example)[:-1] + " ",
        rule.contains[0],
        "a1.",
        "A",
    ):
        assert grows_like_a_line(lambda size, u=unit: rule.pattern.findall(u * (size // len(u))), 2_000)  # type: ignore[misc]


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
]


@pytest.mark.parametrize("unit", UNITS)
def test_linear(unit: str) -> None:
    """The cost grows with the length."""
    assert grows_like_a_line(lambda size: redact(visible(unit * (size // len(unit)))), 4_000)
