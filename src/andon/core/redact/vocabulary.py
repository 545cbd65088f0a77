"""The words for secrets, in the languages that plants speak, and the words that stand beside them without being one."""

from __future__ import annotations

import functools
import math
import re
import tomllib
from collections import Counter
from importlib import resources

from andon.core.late_patterns import late
from andon.core.redact.visible import folded


@functools.cache
def words() -> dict[str, tuple[str, ...]]:
    """The folded words for secrets of ``names.toml``, by kind."""
    read = tomllib.loads(resources.files("andon.core.redact").joinpath("names.toml").read_text(encoding="utf-8"))
    return {
        kind: tuple({folded(word.strip()): None for word in re.split(r",|\n", listed) if word.strip()})
        for kind, listed in read.items()
    }


def _any(kind: str) -> str:
    """An alternation of the words of a kind; the longest wins."""
    longest = sorted(words()[kind], key=len, reverse=True)
    return f"(?P<{kind}>" + "|".join(re.escape(word).replace(r"\ ", r"[\s_.\-]?") for word in longest) + ")"


def _names() -> str:
    short = rf"(?<![^\W_]){_any('short')}(?![^\W_])"
    community = (
        r"(?P<community>(?:(?<![^\W_])|(?<=read)|(?<=write)|(?<=snmp)|(?<=trap)|(?<=get)|(?<=set))community"
        r"(?:[\s_-]?(?:string|name))?)"
    )
    return (
        rf"{_any('password')}(?!화|less|box)|{_any('key')}|{_any('secret')}(?!ar)|{_any('token')}(?!i[sz])"
        rf"|{_any('credential')}|{_any('pin_code')}|(?P<pin>(?<![^\W_])pin(?![^\W_]))|{community}|{short}"
        r"|(?P<sign>(?<![^\W_])(?:sig|signature|hmac|auth|(?<!\w)key)(?=[\"'\\]{0,9}\s?[:=]))"
    )


#: Where a name of a secret stands in a folded text; the group says of which kind.
NAME = late(_names)


@functools.cache
def _stems() -> tuple[str, ...]:
    """One of these is in every folded text that :data:`NAME` finds something in; looking for them is cheap."""
    stems = ["pin", "community", "sig", "hmac", "auth", "key"]
    for word in sorted((word for kind in words().values() for word in kind), key=len):
        pieces = word.split()
        if not any(stem in piece for piece in pieces for stem in stems):
            stems.append(max(pieces, key=len)[:6])
    return tuple(stems)


def may_name(shadow: str) -> bool:
    """Whether a folded text may hold a name of a secret: where not, nobody has to look for one."""
    return any(stem in shadow for stem in _stems())


#: What a name says that is about a secret and holds none: ``password_length``, ``tokenType``, ``secret-name``.
_ABOUT = late(
    r"(?:s|en)?[\s_.\-]{0,2}(?:length|len(?![a-z])|age(?![a-z])|expir|expiry|policy|policies|count|type|name(?!d)"
    r"|file|path|dir|url|uri"
    r"|endpoint|manager|service(?!key)|provider|stat(?:e|us)|error|version|rotation|rotated|min|max|days|required"
    r"|enabled|disabled|ref(?![a-z])|refs|attempt|retr|prompt|format|strength|mismatch|alg|changed|last|valid"
    r"|invalid|verif|check|bucket|ring|limit|usage|used|ttl|lifetime|scope|issuer|audience|id(?![a-z])|ids"
    r"|store|vault|engine|backend|management|protect|protected|complex|history|auth(?![a-z])|authentication|grant"
    r"|position|index|size|hint|label|field|exchange|timeout|set(?![a-z])|exists|present|missing|sharing|signing"
    r"|laenge|lange|ablauf|richtlinie|datei|pfad|wechsel)"
)
#: A number of these, and no secret.
_COUNTED = late(r"s[\W_]{0,3}\Z|(?:max|min|num|count|total|used|prompt|completion|input|output)[\s_.\-]?\w*tokens?\Z")


#: What says something of a secret, and is none.
@functools.cache
def _plain_words() -> frozenset[str]:
    text = resources.files("andon.core.redact").joinpath("plain_words.txt").read_text(encoding="utf-8")
    return frozenset(folded(word) for line in text.splitlines() if not line.startswith("#") for word in line.split())


_FORMED = late(
    r"(?:\w+(?:ed|ing|able|ible|ly|ness|ment|tion|sion|ance|ence|ity)|(?:ge|ver|be|ab|an|aus|ein|zuruck|un|er|zer"
    r"|ent)[a-z]+(?:t|en|ig|lich|bar|es)"
    r"|\w+(?:ado|ada|ido|ida|ato|ata|uto|uta|ung|keit|heit|lich|icht))\Z"
)
#: What a program writes where a value would stand.
_BLANK = late(
    r"(?:<\*>|<(?:redacted|hidden|masked|removed|password|passwd|secret|token|none|null|nil|empty|value|unset|omitted)>"
    r"|\[(?:redacted|hidden|masked|filtered|removed|empty)\]|\$\{?\w+\}?|\$\(.*|%[sd]|%\(\w+\)s|\?"
    r"|\{\{\s?\w{0,40}\s?\}\}|\{(?:password|passwd|pwd|secret|token|key|\d)?\}|[a-z\d]{0,4}-?(?:\.{3}|…)"
    r"|[*•●·.…_#x-]{2,}|[*•●_-]|(?:none|null|nil|true|false|undefined|nan|\(null\)|\(none\)|\(empty\)))\Z"
)
_NUMBER = late(r"[-+]?\d{1,3}(?:[.,]\d+)?%?\Z")
_OPAQUE = late(r"(?=.{0,200}\d)(?=.{0,200}[^\W\d_])|.{0,200}[!@#$%^&*+=~?|\\€§].")
_MEASURED = late(
    r"[-+]?\d+(?:[.,]\d+)?(?:ms|s|m|h|d|%|v|a|w|kw|mm|cm|bar|rpm|hz|khz|mhz|kb|mb|gb|kib|mib|c|°c|x|th|st|nd|rd|min"
    r"|sec)?\Z"
    r"|v\d[\d.]*\Z|0x[0-9a-f]{1,16}\Z|\d{1,4}[-:./]\d|[a-z]{1,3}\d{1,3}\Z"
)


def says_nothing(word: str) -> bool:
    """Whether a folded value is a placeholder or no value at all."""
    return not word or _BLANK.match(word) is not None


def is_plain(word: str) -> bool:
    """Whether a folded word is one that says something of a secret, such as ``expired``."""
    return word.strip(".,;:!?()[]'\"’") in _plain_words() or says_nothing(word)


def is_formed(word: str) -> bool:
    """Whether a folded word looks like an adjective, a participle or an abstract noun of a sentence."""
    return is_plain(word) or _FORMED.match(word) is not None


def is_opaque(word: str) -> bool:
    """Whether a word looks typed to be secret: letters mixed with digits or signs, and no measured value."""
    if "<*" in word and word.strip(".,;:()") != "<*>":
        return True  # of a problem's text, in which digits are masked
    return _OPAQUE.match(word) is not None and not _MEASURED.match(folded(word)) and "://" not in word


def is_mixed(word: str) -> bool:
    """Whether three of small letters, capitals, digits and signs are in ``word``."""
    kinds = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum() and c not in "-_./:,")
    return len(word) >= 6 and sum(any(map(kind, word)) for kind in kinds) >= 3


def is_short_number(word: str) -> bool:
    """Whether ``word`` is a number of three digits at most."""
    return _NUMBER.match(word) is not None


#: Characters of a word by which it is judged.
_LOOKED_AT = 400


def entropy(word: str) -> float:
    """Bits for each character, by how often each occurs in ``word``."""
    total = len(word)
    return -sum(n / total * math.log2(n / total) for n in Counter(word).values()) if total else 0.0


def is_random(word: str) -> bool:
    """Whether ``word`` looks drawn by lot: long, of both cases and digits, with much in each character."""
    word = word[:_LOOKED_AT]
    return (
        len(word) >= 20
        and word.count("/") < 3
        and any(c.isdigit() for c in word)
        and any(c.islower() for c in word)
        and any(c.isupper() for c in word)
        and entropy(word) >= 3.6
    )


def is_about(rest: str) -> bool:
    """Whether what follows a name makes it one that is about a secret, such as ``_length``."""
    return _ABOUT.match(rest) is not None


_CAMEL = late(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
#: Names of fields whose whole value is a secret, though the word alone is none.
_WHOLE = late(
    r"(?:(?:proxy|www)?[\s_.\-]?authori[sz]ation|(?:set[\s_.\-]?)?cookies?2?|x[\s_.\-]auth|(?:http_)?auth|pin|pw"
    r"|pass|psw|mdp|sig|otp"
    r"|bearer|jsessionid|phpsessid|asp[._]net_sessionid|pgpassword|mysql_pwd|snmp[\s_.\-]?community|(?:ro|rw|read"
    r"|write)[\s_.\-]?community"
    r"|community[\s_.\-]?(?:string|name)?|credentials?|creds)\Z"
)


def kind_of_key(key: str) -> str | None:
    """The kind of secret that the value of a field called ``key`` is, None where it is none.

    ``weak`` is one whose value decides: ``pin`` of a connector or of a person.

    >>> kind_of_key("dbPassword"), kind_of_key("password_length"), kind_of_key("pin"), kind_of_key("X-Api-Key")
    ('password', None, 'weak', 'key')
    """
    name = folded(_CAMEL.sub("_", key[:200])).strip(" -_/'\":")
    if not may_name(name) and not _WHOLE.match(name):
        return None
    whole = _WHOLE.match(name)
    if whole:
        return (
            "weak"
            if name in ("pin", "pass", "auth", "bearer")
            else "credential"
            if name.startswith("cred")
            else "whole"
        )
    every = list(NAME.finditer(name))
    found = every[-1] if every else None
    if found is None or found.lastgroup in ("sign", None):
        return None
    rest = name[found.end() :]
    if is_about(rest) or (found.lastgroup == "token" and _COUNTED.search(name)):
        return "counted" if rest.strip("_") == "s" else None
    if len(rest) > 30 or (found.lastgroup == "community" and "snmp" not in name):
        return None
    if found.lastgroup in ("pin", "short"):
        return "weak"
    return found.lastgroup
