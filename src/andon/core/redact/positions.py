"""Secrets in places that need no name: addresses, headers, SQL, configurations of network devices, logins in words.

Each pattern starts at a literal and repeats bounded or disjoint classes, so a hostile line costs linear time.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator

from andon.core.late_patterns import late
from andon.core.redact import vocabulary
from andon.core.redact.values import QUOTE, Span, run_at, value_at

_PEM = late(
    r"-----begin [a-z0-9 ]{0,40}private key(?: block)?-----[\s\S]*?(?:-----end [a-z0-9 ]{0,40}private key(?:"
    r" block)?-----|\Z)"
)
_BARE_LOGIN = late(
    r"(?<![\w.@/:\-])(?P<user>[a-z_][\w.\-]{0,40})(?::"
    r"|%3a)(?P<pass>[^\s@/:\"'<>]{3,100})@(?P<host>\d{1,3}(?:\.\d{1,3}){3}"
    r"|[a-z][\w\-]{0,60}(?:\.[\w\-]{1,60}){0,6})(?![\w@])"
)
_ADDRESSES = late(
    r"(?:mailto|from|to|b?cc|user|by|e?mail|host|at|sips?|ssh|acct|reply-to|sender|xmpp|message-id|id|oid|urn|tel)\Z"
)
_ORACLE = late(
    r"(?:thin:|(?:sqlplus|rman|expdp|impdp|sqlldr|exp|imp|tkprof)\b[^\n"
    r"|;]{0,60}?[\s\"'])[\"']?(?P<user>[a-z_][\w$\#]{0,30})/(?P<pass>[^\s@/\"']{1,80})@"
)
_SMB_DOMAIN = late(r"smb://[^\s;:@]{1,60};[^\s:@]{1,60}:(?P<pass>[^\s@]{1,80})@")

_SCHEMES = (
    r"bearer|basic|digest|token|apikey|api-key|negotiate|ntlm|kerberos|hawk|mutual|oauth|vapid|privatetoken|splunk"
    r"|key|bot|jwt|hobo|sharedkey"
    r"|sharedkeylite|sharedaccesssignature|aws4-hmac-sha256|aws|ssws|snowflake|gnap|dpop|scram-sha-1|scram-sha-256"
    r"|genie?key|zoho-oauthtoken|client-id"
)
_AUTHORIZATION = late(
    rf"(?<![a-z])(?:authori[sz]ation|x-auth|x-authorization)(?:{QUOTE})?\s{{0,4}}(?:[:=,]|=>"
    rf"|%3a)\s{{0,4}}[\[(]?(?P<open>{QUOTE})?"
)
_SCHEME = late(rf"(?P<scheme>{_SCHEMES}|[a-z][a-z0-9\-]{{2,30}})(?:\s{{1,4}}|%20|\+)(?=[^\s\"'])")
_KNOWN_SCHEME = late(rf"(?:{_SCHEMES})\Z")
_PARAMETERS = late(r"[\w\-]{1,40}(?:=(?=[\w\"'/])|\s{0,2}=\s{0,2}(?=\"))")
_PARAMETERS_END = late(r"[^\n\"'](?:[^\n']{0,2000}?)(?='|\n|\Z)")
_LINE_ENDS = late(r"\s*(?:\n|\Z|[\"'])")
_COOKIE = late(
    rf"(?<![\w])(?:set-)?cookie2?(?:{QUOTE})?\s{{0,4}}(?::|=(?=[\"'])|,(?=\s{{0,2}}\")|\s(?=[\w.\-]{{1,40}}=))\s{{0,4}}(?P<open>{QUOTE})?"
)
_SESSION = late(
    r"(?:jsessionid|phpsessid|asp\.net_sessionid|connect\.sid|laravel_session"
    r"|\.aspnetcore\.[\w.]{1,40})\s{0,2}=\s{0,2}(?P<value>[^\s;,\"'<>&]{6,256})"
)
_BEARER = late(
    r"(?<![a-z])(?:bearer|digest|apikey)(?:\s{1,4}|\s?[:=]\s?)(?P<value>(?=[a-z._~+/=-]{0,200}\d|[a-z._~+/=-]{24})[\w.~+/=-]{8,4096})"
)
_BASIC = late(r"(?<![a-z])basic\s{1,4}(?P<value>[a-z0-9+/]{6,1000}={0,2})(?![\w+/=])")
_API_HEADER = late(
    r"(?<![a-z\d])(?:x-(?:[a-z]{2,20}-){0,4}(?:key|auth|secret|credential|signature|sig|session|csrf"
    r"|xsrf))(?:[\"'\\]{0,4})\s{0,2}[:=]\s{0,4}"
)

_SQL = late(
    r"\bidentified\s{1,4}(?:with\s{1,4}\S{1,60}\s{1,4})?(?:by|as)\s{1,4}(?:values\s{1,4}|password\s{1,4})?"
    r"|\b(?:encrypted\s{1,4})?password\s{0,4}(?:=\s{0,4}n?(?=')|\(\s{0,4}(?=['\"])|(?<=\s)(?=['\"]))"
    r"|\bwith\s{1,4}password\s{0,4}=\s{0,4}n?"
    r"|\bset\s{1,4}password\s{1,4}for\s{1,4}\S{1,80}\s{0,4}=\s{0,4}(?:password\s{0,2}\(\s{0,4})?"
    r"|\bsp_addlogin\s{1,4}(?:@\w{1,20}\s?=\s?)?n?'[^'\n]{0,80}'\s{0,3},\s{0,3}(?:@\w{1,20}\s?=\s?)?n?(?=')"
    r"|\bsp_password\s{1,4}(?:@\w{1,20}\s?=\s?)?(?:null|n?'[^'\n]{0,80}')\s{0,3},\s{0,3}(?:@\w{1,20}\s?=\s?)?n?(?=')"
    r"|\bsp_password\s{1,4}n?(?=')"
)
_INSERT = late(r"\binto\s{1,4}\S{1,80}?\s{0,4}\((?P<columns>[^()\n]{1,500})\)\s{0,4}values\s{0,4}(?=\()")
_ROW = late(r"\s{0,4},?\s{0,4}\((?P<row>[^()\n]{1,1000})\)")
_CELL = late(r"\s{0,4}(?P<cell>'(?:[^'\n]|''){0,300}'|\"[^\"\n]{0,300}\"|[^,'\"]{0,300})\s{0,4}(?:,|\Z)")

_GEAR = late(
    r"(?:\bsnmp-server\s{1,3}community|\bset\s{1,3}community|\bsnmp-agent\s{1,3}community\s{1,3}(?:read"
    r"|write)(?:\s{1,3}cipher)?"
    r"|\bsnmp-server\s{1,3}host\s{1,3}\S{1,60}(?:\s{1,3}(?:traps|informs))?(?:\s{1,3}version\s{1,3}(?:1|2c))?"
    r"|\benable\s{1,3}(?:secret|password)(?:\s{1,3}level\s{1,3}\d{1,2})?|\bkey-string|\b(?:tacacs\+?"
    r"|radius)(?:-server)?\s{1,3}(?:host\s{1,3}\S{1,60}\s{1,3}|shared\s)?(?:key|secret)|\br[ow]community6?"
    r"|\bcom2sec6?\s{1,3}\S{1,40}\s{1,3}\S{1,40}"
    r"|\bmessage-digest-key\s{1,3}(?:\d{1,3}|<\*>)(?:\s{1,3}md5)?|\bisakmp\s{1,3}key|\bpre-shared-key(?:\s{1,3}(?:local|remote"
    r"|address\s\S{1,40}))?"
    r"|\bauthentication(?:-key\s{1,3}\d{1,5})?\s{1,3}md5|\bwpa-psk|\bpsk\s{1,3}(?:set-key\s{1,3})?(?=ascii|hex)"
    r"|\bset-key"
    r"|\b(?:auth|priv)\s{1,3}(?:md5|sha(?:-?\d{1,3})?|des|3des|aes(?:-?\s?\d{3})?)|\bset\s{1,3}passwd"
    r"|\bauthentication-key"
    r"|\b(?:wpa[23]?|wifi|wi-fi|wlan|wep)[\s\-](?:passphrase|psk|password|key|passwort|schlussel)(?:\s{1,2}(?:is|ist"
    r"|lautet|heisst|heißt))?)"
    r"\s{1,3}(?P<level>(?:ascii|hex|plain|cipher|simple|[0-9]{1,2}|<\*>)\s{1,3}){0,2}(?=\S)"
)
_RADIO_KEY = late(
    r"\b(?:wlan|wifi|wi-fi|ssid|access\spoint|funk\w{0,12})(?:[\s:=]{1,3}[\w\-\"']{1,24}){0,3}\s{1,3}"
    r"(?:key|psk|schlussel|code|cle|clave|chiave)(?:\s(?:is|ist|est|es|e|lautet))?[\s:=]{1,3}"
)
#: Written into a command that reads a password from its input.
_PIPED = late(
    r"\becho\s{1,3}(?:-[ne]{1,2}\s{1,3})?[\"']?(?:(?P<user>[a-z_][\w.\-]{0,30}):)?(?P<value>[^\s\"'|]{3,100})[\"']?\s{0,3}\|"
    r"\s{0,3}[^|\n]{0,60}?(?:sudo\s[^|\n]{0,20}-s\b|chpasswd|--stdin|--password-stdin|cryptsetup)"
)
_WIFI_CODE = late(r"\bwifi:(?:[^\n]{0,200}?;)?p:(?P<value>[^\n]{1,128}?)(?<!\\);")
_SIM = late(r"\bat\+(?:cpin|clck|cpwd)=(?P<value>[^\s]{4,60})")
_NETRC = late(r"\blogin\s{1,4}\S{1,80}\s{1,4}password\s{1,4}(?P<value>\S{1,200})")
_LOGIN = late(
    r"(?:\b(?:(?:ssh|telnet|s?ftp|rdp|vnc|winrm|mqtt)(?:\s[\w.\-]{1,30}){0,3}|log[\s\-]?in|log[\s\-]?on|logged[\s\-](?:in|on)|sign(?:ed)?[\s\-]in|authenticat\w{1,5}|anmeldung"
    r"|anmelden|angemeldet|eingeloggt"
    r"|einloggen|connexion|connecte|connected|connect|conexion|acceso|accesso|login attempt|tried|auth|default)"
    r"(?:\s{1,3}(?:failed|attempt|ok|rejected|succeeded|refused|fehlgeschlagen|echouee))?\s{1,3}(?P<by>with|as|using"
    r"|mit|als|avec|con|com|met|med|comme|fur|for)"
    r"(?:\s{1,3}(?:the|default|user|account|den|dem|benutzer)){0,2}"
    r"|(?P<creds>credentials?|creds|zugangsdaten|anmeldedaten|anmeldung|identifiants|credenciales|credenziali|credenciais"
    r"|login|userpass|user/pass(?:word)?|benutzer/passwort|auth)"
    r"(?:\s{1,3}(?:are|is|were|lauten|sind|sont|son|used|of|for))?(?:\s[\w\-]{2,30}(?=:\s))?\s{0,3}[:=]?)"
    rf"[\s(]{{1,3}}(?P<open>{QUOTE})?(?P<user>[a-z_][\w.@\-]{{0,40}})(?:{QUOTE})?\s?(?P<mark>[/:]"
    rf"|\s/\s)\s?(?P<pass>[^\s/\"'<>,;]{{2,80}})"
)
_SECURE_STRING = late(
    r"convertto-securestring\s{1,3}(?:-string\s{1,3})?(?!-)"
    r"|networkcredential\(\s{0,3}[\"'][^\"'\n]{0,60}[\"']\s{0,3},\s{0,3}"
)
_SIGNED_URL = late(
    r"[?&](?:sig|signature|x-amz-signature|x-amz-credential|x-amz-security-token|x-goog-signature|code|key|auth"
    r"|hmac)=(?P<value>[^\s&#\"'<>]{12,600})"
)

Finder = Callable[[str, str], Iterator[Span]]


def found_in(text: str, shadow: str) -> Iterator[Span]:
    """The secrets of ``text`` that stand in one of these places; ``shadow`` is its folded form."""
    for literals, finder in _FINDERS:
        if any(one in shadow for one in literals):
            yield from finder(text, shadow)


def _groups(pattern: re.Pattern[str], group: str = "value") -> Finder:
    """A finder of one group of ``pattern``."""

    def find(_text: str, shadow: str) -> Iterator[Span]:
        for found in pattern.finditer(shadow):
            yield Span(*found.span(group))

    return find


def _values(pattern: re.Pattern[str]) -> Finder:
    """A finder of the values that begin where ``pattern`` ends, but plain words."""

    def find(text: str, shadow: str) -> Iterator[Span]:
        for found in pattern.finditer(shadow):
            span = value_at(text, found.end())
            if span is not None and not vocabulary.is_plain(shadow[span.start : span.end]):
                yield span

    return find


def _pem(_text: str, shadow: str) -> Iterator[Span]:
    for found in _PEM.finditer(shadow):
        yield Span(*found.span())


def _userinfo(_text: str, shadow: str) -> Iterator[Span]:
    """A password before the host, which may hold an @ or a slash; a long user alone is a token."""
    for found in _AUTHORITY_BEGINS.finditer(shadow):
        start = found.end()
        run = _ADDRESS.match(shadow, start)
        said = run[0] if run else ""
        authority = _AUTHORITY_ENDS.split(said, maxsplit=1)[0]
        user, at, _ = authority.rpartition("@")
        name, colon, rest = authority.partition(":")
        if not at and "@" in said and colon and rest and not rest.isdigit() and not name.startswith("["):
            user, at, _ = said.partition("@")  # the password holds a slash or the like
        if not at:
            continue
        name, colon, secret = user.partition(":")
        if secret:
            yield Span(start + len(name) + 1, start + len(user))
        elif not colon and len(user) >= 20:
            yield Span(start, start + len(user))


#: Also of an address that nobody is to click any more: ``https[:]//``.
_AUTHORITY_BEGINS = late(r":\]?//")
_ADDRESS = late(r"[^\s\"'<>]{0,700}")
_AUTHORITY_ENDS = late(r"[/?#]")


def _bare_login(_text: str, shadow: str) -> Iterator[Span]:
    for found in _BARE_LOGIN.finditer(shadow):
        value, host = found["pass"], found["host"]
        if _ADDRESSES.match(found["user"]) or vocabulary.is_plain(value):
            continue
        if (vocabulary.is_opaque(value) or host[0].isdigit()) and not (value.isdigit() and len(value) > 8):
            yield Span(*found.span("pass"))


def _authorization(text: str, shadow: str) -> Iterator[Span]:
    for found in _AUTHORIZATION.finditer(shadow):
        at = found.end()
        whole = value_at(text, found.start("open")) if found["open"] else None
        scheme = _SCHEME.match(shadow, at)
        known = scheme is not None and _KNOWN_SCHEME.match(scheme["scheme"]) is not None
        start = (
            scheme.end()
            if scheme is not None and (known or whole is not None or _is_credential(text, scheme.end()))
            else at
        )
        if whole is not None:
            if start < whole.end:
                yield Span(start, whole.end, True)
            continue
        span = run_at(text, start)
        if span is None:
            continue
        value = shadow[span.start : span.end]
        if _PARAMETERS.match(value) and known:
            line = _PARAMETERS_END.match(text, start)
            yield Span(start, line.end() if line else span.end)
        elif not vocabulary.is_plain(value) and (
            known or vocabulary.is_opaque(value) or not vocabulary.is_formed(value)
        ):
            alone = known or vocabulary.is_opaque(value) or _LINE_ENDS.match(text, span.end)
            if alone:
                yield span


def _is_credential(text: str, at: int) -> bool:
    span = run_at(text, at)
    return span is not None and vocabulary.is_opaque(text[span.start : span.end]) and span.end - span.start >= 6


def _cookie(text: str, shadow: str) -> Iterator[Span]:
    """The rest of the line, or what the marks hold."""
    done = 0
    for found in _COOKIE.finditer(shadow):
        if found.start() < done:
            continue
        if found["open"]:
            span = value_at(text, found.start("open"))
        else:
            line = _REST_OF_LINE.match(text, found.end())
            span = Span(*line.span()) if line else None
        if span is not None:
            done = span.end
            value = shadow[span.start : span.end]
            if "=" in value or not vocabulary.is_formed(value.split(" ")[0]):
                yield span


_REST_OF_LINE = late(r"[^\n\"']+")


def _basic(text: str, shadow: str) -> Iterator[Span]:
    for found in _BASIC.finditer(shadow):
        raw = text[found.start("value") : found.end("value")]
        try:
            said = base64.b64decode(raw + "=" * (-len(raw) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        if b":" in said and all(32 <= code < 127 or code >= 0xC0 for code in said[:32]):
            yield Span(*found.span("value"))


def _insert(text: str, shadow: str) -> Iterator[Span]:
    """The cells of rows that stand under a column with a secret's name."""
    for found in _INSERT.finditer(shadow):
        names = [one.strip(" \"'`[]") for one in found["columns"].split(",")]
        secret = {at for at, name in enumerate(names) if vocabulary.kind_of_key(name) not in (None, "counted")}
        at = found.end()
        for _ in range(200 if secret else 0):
            row = _ROW.match(shadow, at)
            if row is None:
                break
            place = row.start("row")
            for number in range(len(names)):
                cell = _CELL.match(shadow, place, row.end("row"))
                if cell is None:
                    break
                if (
                    number in secret
                    and (span := value_at(text, cell.start("cell")))
                    and not vocabulary.says_nothing(shadow[span.start : span.end])
                ):
                    yield Span(span.start, min(span.end, cell.end("cell")), True)
                place = cell.end()
            at = row.end()


def _login(text: str, shadow: str) -> Iterator[Span]:
    for found in _LOGIN.finditer(shadow):
        span = run_at(text, found.start("pass"))
        if span is None:
            continue
        value = shadow[span.start : span.end]
        if vocabulary.is_plain(value) or found["user"] in ("http", "https", "n", "host"):
            continue
        told = found["by"] in ("with", "using", "mit", "avec", "con", "com", "met", "med") or (
            found["creds"] and found["creds"] != "login"
        )
        port = value.isdigit() and found["mark"].strip() == ":"
        if (
            not told
            and found["by"]
            and found["mark"] == "/"
            and not (vocabulary.is_opaque(value) and _odd(text[span.start : span.end]))
        ):
            continue
        if not port and (
            vocabulary.is_opaque(value)
            or (told and not vocabulary.is_formed(value) and found["mark"].strip() == "/")
            or (told and found["creds"] and not vocabulary.is_formed(value))
        ):
            yield span


def _odd(word: str) -> bool:
    """Whether a word is no user's name with a number behind."""
    return re.fullmatch(r"[A-Za-z]?[a-z_.\-]*\d*", word) is None


def _wifi_gear(text: str, shadow: str) -> Iterator[Span]:
    for found in _GEAR.finditer(shadow):
        span = value_at(text, found.end())
        if span is None:
            continue
        value = shadow[span.start : span.end]
        if not vocabulary.is_formed(value) or value in ("public", "private"):
            yield span


def _radio_key(text: str, shadow: str) -> Iterator[Span]:
    for found in _RADIO_KEY.finditer(shadow):
        span = value_at(text, found.end())
        if span is not None and span.end - span.start >= 8 and vocabulary.is_opaque(text[span.start : span.end]):
            yield span


def _signed_url(text: str, shadow: str) -> Iterator[Span]:
    for found in _SIGNED_URL.finditer(shadow):
        value = text[found.start("value") : found.end("value")]
        if shadow[found.start() + 1 :].startswith(("sig", "x-")) or vocabulary.is_random(value):
            yield Span(*found.span("value"))


def _literals(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


_FINDERS: tuple[tuple[tuple[str, ...], Finder], ...] = (
    (("-----begin",), _pem),
    (("://", ":]//"), _userinfo),
    (("@",), _bare_login),
    (("thin:", "sqlplus", "rman", "exp", "imp", "sqlldr"), _groups(_ORACLE, "pass")),
    (("smb://",), _groups(_SMB_DOMAIN, "pass")),
    (("authori", "x-auth"), _authorization),
    (("cookie",), _cookie),
    (("sessid", "sessionid", ".sid", "laravel", ".aspnet"), _groups(_SESSION)),
    (("bearer", "digest", "apikey"), _groups(_BEARER)),
    (("basic",), _basic),
    (("x-",), _values(_API_HEADER)),
    (("identified", "password", "sp_"), _values(_SQL)),
    (("into",), _insert),
    (
        _literals("snmp community com2sec radius tacacs enable key md5 psk auth priv passwd wpa wifi wlan wi-fi wep"),
        _wifi_gear,
    ),
    (("wlan", "wifi", "wi-fi", "ssid", "access", "funk"), _radio_key),
    (("echo ",), _groups(_PIPED)),
    (("wifi:",), _groups(_WIFI_CODE)),
    (("at+c",), _groups(_SIM)),
    (("login ",), _groups(_NETRC)),
    (("securestring", "networkcredential"), _values(_SECURE_STRING)),
    (
        _literals(
            "log auth cred sign anmeld einge einlog zugang ident conne acce conex user tried default benutzer ssh"
            " telnet ftp rdp vnc mqtt"
        ),
        _login,
    ),
    (("?", "&"), _signed_url),
)
