"""Secrets on command lines: ``-u user:x``, ``mysql -px``, ``plink -pw x``, ``net use … /user:a x``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from andon.core.late_patterns import late
from andon.core.redact import vocabulary
from andon.core.redact.values import Span

#: A word of a command line, and of an argument list written as JSON.
_ARGUMENT = late(
    r"\\*\"(?P<double>[^\"\n]{0,2000}?)\\*\"|'(?P<single>[^'\n]{0,2000})'|(?P<bare>(?:[^\s\"',\[\]|;`]|[,;](?=[^\s\"'])"
    r"|(?<=[^\s])[\"'](?=\w))+)|(?P<end>[|;\n`])"
)
_COMMAND = late(
    r"(?<![\w\-])(?:[\w.\\/:\-]{0,80}[\\/])?(?P<name>mysql\w{0,8}|mariadb(?:-\w{1,10})?|sshpass|plink|pscp|psftp"
    r"|putty|kitty|psql|pg_dump|net|net1|smbclient"
    r"|ssh-keygen|rpcclient|smbmap|winexe|crackmapexec|nxc|sqlcmd|osql|isql|bcp|mosquitto_(?:pub|sub|rr)|ldap\w{3,10}|ipmitool"
    r"|snmp\w{2,12}|xfreerdp|wfreerdp|rdesktop|mstsc"
    r"|redis-cli|mongo|mongosh|mongodump|mongorestore|docker|podman|helm|az|cmdkey|schtasks|psexec(?:64)?|wmic|winrs"
    r"|7z[arz]?|zip|unzip|rar|unrar|htpasswd|lftp|sudo|chpasswd"
    r"|cqlsh|influx|openssl|keytool|jarsigner|signtool|nmcli|wpa_passphrase|iwconfig|netsh|useradd|usermod|vncpasswd"
    r"|ftp|ncftp|ncftpget|ncftpput|rabbitmqctl|rabbitmqadmin"
    r"|kcadm(?:\.sh)?|vault|svn|cadaver|kinit|opcua-client|curl|wget|http|https|xh|nats|etcdctl|onesync"
    r"|clickhouse-client|sqlplus|db2|certutil|runas|robocopy|vmrun|govc|expect)(?:\.exe|\.cmd)?(?=[\s\"',])"
)
#: The options behind which the next word is a secret, by command; those of ``glued`` may have it attached.
_MYSQL = r"mysql\w*|mariadb\S*"
_OPTIONS: tuple[tuple[re.Pattern[str], frozenset[str], frozenset[str]], ...] = tuple(
    (late(names + r"\Z"), frozenset(apart.split()), frozenset(glued.split()))
    for names, apart, glued in (
        (_MYSQL, "-p", "-p"),
        ("sshpass|unrar|rar", "-p -P", "-p"),
        ("7z[arz]?", "-p", "-p"),
        ("plink|pscp|psftp|putty|kitty", "-pw -pass", ""),
        (
            "psql|pg_dump|rdesktop|docker|podman|helm|az|mongo\\w*|cqlsh|psexec\\w*|useradd|usermod|smbmap"
            "|crackmapexec|nxc|influx|rabbitmqadmin|vmrun",
            "-p -P",
            "",
        ),
        ("sqlcmd|osql|isql|bcp|mosquitto_\\w+|ipmitool|zip|unzip", "-P", "-P"),
        ("ldap\\w+", "-w", "-w"),
        ("snmp\\w+", "-c -A -X -a_key", "-c"),
        ("redis-cli", "-a --pass", "-a"),
        ("keytool|jarsigner", "-storepass -keypass -srcstorepass -deststorepass -srckeypass -destkeypass", ""),
        ("signtool|certutil", "/p -p", ""),
        ("schtasks", "/rp /p", ""),
        ("winrs", "-p /p", ""),
        ("ncftp\\w*", "-p", ""),
        ("vncpasswd|opcua-client", "-p", ""),
        ("ssh-keygen", "-N -P", ""),
        ("openssl", "-k -K -passin -passout -pass", ""),
        ("nmcli|netsh|wpa_passphrase|iwconfig", "password key keymaterial psk", ""),
    )
)
#: With any command, or none that is known.
_LONG = late(r"(?:--?|/)(?P<name>[a-z][\w.\-]{1,60})\Z")
_LONG_JOINED = late(r"(?:--?|/|-[dd])(?P<name>[a-z][\w.\-]{0,60})(?P<mark>[=:])(?P<value>.+)\Z", re.DOTALL)
_USER = frozenset(("-u", "-U", "--user", "--proxy-user", "--username", "-user", "--auth", "-a", "--creds", "--login"))
_USER_JOINED = late(r"(?:--(?:user|proxy-user|username|auth|creds|login)=|-[uU])(?P<login>[^\s]{1,200})\Z")
_LOGIN = late(r"(?P<user>[^\s:%/\\]*(?:[\\/][^\s:%/\\]+)?)(?P<mark>[:%])(?P<pass>.+)\Z", re.DOTALL)
_NET_USER = late(r"/u(?:ser)?:(?P<user>\S{1,80})\Z", re.IGNORECASE)
_BARE_OPTION = late(
    r"(?<![\w\-])(?:-u|-U|--user|--proxy-user|--auth|-pw|-p:|/p:|/pass:|/pwd:|/password:)", re.IGNORECASE
)
#: Behind an option that a sentence speaks of.
_PROSE = frozenset(("option", "options", "flag", "is", "not", "requires", "needs", "switch", "parameter", "argument"))
_ARGUMENTS_MOST = 60


def found_in(text: str, shadow: str) -> Iterator[Span]:
    """The secrets of the command lines in ``text``; ``shadow`` is its folded form."""
    if shadow[:1] not in "-/" and not any(
        mark in shadow
        for mark in (
            " -",
            '"-',
            "'-",
            " /",
            '"/',
            "chpasswd",
            "sudo",
            "net user",
            "wpa_passphrase",
            "htpasswd",
            "--",
            "nmcli",
            "netsh",
            "iwconfig",
        )
    ):
        return
    done = 0
    for found in _COMMAND.finditer(shadow):
        if found.start() < done:
            continue
        start = found.start()
        if text[found.end() : found.end() + 1] in ('"', "'", "\\"):  # each argument has marks of its own
            while start and text[start - 1] in "\"'\\":
                start -= 1
        words_, done = _words(text, start)
        yield from _placed(words_)
    # options that say by themselves what they are, behind a command that is not known
    at = done
    while (option := _BARE_OPTION.search(text, at)) is not None:
        words_, at = _words(text, option.start())
        yield from _placed(words_)
        at = max(at, option.end())


def _words(text: str, start: int) -> tuple[list[_Word], int]:
    """The arguments from ``start`` to the end of the command, and where that is."""
    made: list[_Word] = []
    at = start + 1
    for found in _ARGUMENT.finditer(text, start):
        at = found.end()
        if found.lastgroup == "end" or len(made) == _ARGUMENTS_MOST:
            break
        kind = found.lastgroup or "bare"
        word = _Word(found[kind])
        word.start = found.start(kind)
        made.append(word)
    return made, at


class _Word(str):
    """An argument that knows where it begins."""

    start = 0


def _placed(words_: Sequence[_Word]) -> Iterator[Span]:
    for index, start, end in secret_arguments(words_):
        yield Span(words_[index].start + start, words_[index].start + end, True)


def secret_arguments(arguments: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Which parts of a command's arguments are secrets, as (number of the argument, first, end)."""
    command = _name(arguments[0]) if arguments else ""
    names = [command] if command else []
    skip = False
    for at, argument in enumerate(arguments):
        if skip:
            skip = False
            continue
        if at and (inner := _name(argument)) and not argument.startswith("-"):
            names.append(inner)
        following = arguments[at + 1] if at + 1 < len(arguments) else None
        for part in _of(names, argument, following, at, arguments):
            yield part
            skip = skip or part[0] == at + 1


def _name(word: str) -> str:
    found = _COMMAND.match(word.lower() + " ")
    return found["name"] if found is not None else ""


def _of(
    names: list[str], argument: str, following: str | None, at: int, arguments: Sequence[str]
) -> Iterator[tuple[int, int, int]]:
    value = (
        following if following is not None and not re.match(r"-{1,2}[a-zA-Z]|/[a-zA-Z?]+(?::|\Z)", following) else None
    )
    joined = _LONG_JOINED.match(argument)
    login = (
        _USER_JOINED.match(argument) if argument[:2] in ("-u", "-U", "--") and (argument[:2] == "--" or names) else None
    )
    if (
        (argument in _USER or ("curl" in names and re.fullmatch(r"-[a-zA-Z]{1,6}u", argument)))
        and value is not None
        and (argument != "-a" or any(name in ("http", "https", "xh") for name in names))
        and (inner := _LOGIN.match(value)) is not None
        and _is_login(inner, argument, names)
    ):
        yield at + 1, inner.start("pass"), inner.end("pass")
    elif (
        login is not None
        and (inner := _LOGIN.match(login["login"])) is not None
        and _is_login(inner, argument[:2], names)
    ):
        first = login.start("login")
        yield at, first + inner.start("pass"), first + inner.end("pass")
    elif joined is not None and _is_secret_option(joined["name"]):
        if not vocabulary.says_nothing(joined["value"]) and not (
            "=" in joined["value"] and joined["name"] in ("p", "P")
        ):
            yield at, joined.start("value"), joined.end("value")
    elif (
        value is not None
        and (long := _LONG.match(argument))
        and len(long["name"]) > 1
        and _is_secret_option(long["name"])
    ):
        if not vocabulary.is_plain(value.lower()) or argument.startswith("--"):
            yield at + 1, 0, len(value)
    elif names:
        yield from _by_command(names, argument, value, at, arguments)


def _is_secret_option(name: str) -> bool:
    name = name.lower()
    return name in ("p", "pw", "rp", "pass", "pwd") or vocabulary.kind_of_key(name) not in (None, "counted")


def _is_login(found: re.Match[str], option: str, names: list[str]) -> bool:
    value = found["pass"]
    if found["user"].isdigit() and value.isdigit():
        return False  # user and group of a container
    if found["mark"] == "%":
        return (
            option in ("-U", "--user", "-u") and any(name.startswith(("smb", "rpc", "winexe", "net")) for name in names)
        ) or vocabulary.is_opaque(value)
    return not value.startswith("//") and not vocabulary.says_nothing(value)


def _by_command(
    names: list[str], argument: str, value: str | None, at: int, arguments: Sequence[str]
) -> Iterator[tuple[int, int, int]]:
    for name in names:
        if name in ("net", "net1", "cmdkey") and _NET_USER.match(argument):
            yield from _net_use(arguments, at)
            return
        if (
            name in ("net", "net1")
            and argument.lower() == "user"
            and at + 2 < len(arguments)
            and _sets_password(arguments, at + 2)
        ):
            yield at + 2, 0, len(arguments[at + 2])
            return
        if name == "openssl" and (passed := re.match(r"pass:(?P<x>.+)", argument)):
            yield at, passed.start("x"), passed.end("x")
            return
        if name in ("wpa_passphrase",) and at >= 2 and argument == arguments[2]:
            yield at, 0, len(argument)
            return
        if (
            name == "htpasswd"
            and at == len(arguments) - 1
            and at >= 3
            and any(re.match(r"-\w*b", one) for one in arguments)
        ):
            yield at, 0, len(argument)
            return
        if name == "lftp" and argument == "-u" and value is not None and "," in value:
            yield at + 1, value.index(",") + 1, len(value)
            return
        for pattern, apart, glued in _OPTIONS:
            if not pattern.match(name):
                continue
            if (
                argument in apart
                and value is not None
                and value.lower() not in _PROSE
                and not (name in ("psql", "pg_dump", "docker", "podman", "nxc") and _is_port(value, names, arguments))
            ):
                passed = re.match(r"(?:pass|file|env):", value) if name == "openssl" else None
                if passed is None or passed[0] == "pass:":
                    yield at + 1, passed.end() if passed else 0, len(value)
                return
            if (
                len(argument) > 2
                and argument[:2] in glued
                and argument[2:3] != "-"
                and not (name.startswith("snmp") and argument[1:2] != "c")
            ):
                yield at, 2, len(argument)
                return


def _is_port(value: str, names: list[str], arguments: Sequence[str]) -> bool:
    """Whether a value of ``-p`` is a port: of psql always, of docker but for its login."""
    return (
        bool(re.fullmatch(r"(?:[\d.]+:)?\d{1,5}(?::\d{1,5})?(?:/\w{3})?", value)) if "login" not in arguments else False
    )


def _net_use(arguments: Sequence[str], at: int) -> Iterator[tuple[int, int, int]]:
    """``net use`` takes the password behind the user, or between the share and it."""
    before, after = arguments[at - 1] if at else "", at + 1
    if at >= 4 and not before.startswith(("\\", "/")) and not re.fullmatch(r"[a-zA-Z]:|\*|use", before):
        yield at - 1, 0, len(before)
    elif after < len(arguments) and not arguments[after].startswith(("/", "-")):
        yield after, 0, len(arguments[after])


def _sets_password(arguments: Sequence[str], at: int) -> bool:
    """Whether ``net user NAME WORD`` sets a password, and is no prose."""
    return not arguments[at].startswith("/") and ("/add" in arguments or vocabulary.is_opaque(arguments[at]))
