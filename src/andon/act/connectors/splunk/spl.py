"""Searches for Splunk that can only read: an allow-list of commands, and the indexes that may be searched. Pure.

SPL is no query language of the reading kind: ``delete``, ``collect``, ``outputlookup`` and ``sendemail`` stand in a
pipeline like ``stats`` does, macros and ``map`` bring in what cannot be seen here, ``rest`` and lookups by script ask
other machines. So what is not known to read only is refused, and so is every spelling whose quotation Splunk and this
module might read differently.
"""

from __future__ import annotations

from typing import NamedTuple

from andon.core.errors import ActionRefused
from andon.core.late_patterns import late

#: Characters of a search.
SEARCH_MAX = 10_000
#: Begin a pipeline and read what they are told to, in any index.
_GENERATING = frozenset({"tstats", "mstats", "metadata", "eventcount"})
#: Begin a pipeline and read nothing themselves.
_HARMLESS = frozenset({"makeresults", "multisearch"})
#: Work on what a pipeline brings. Not here although they read: ``extract`` (it can reload the configuration),
#: ``lookup`` (it may be a script that asks other machines), ``return`` and ``format`` (they write a part of another
#: search).
_WORKING = frozenset(
    """
    accum addcoltotals addinfo addtotals append appendcols appendpipe autoregress bin bucket chart cluster contingency
    convert correlate dedup delta eval eventstats fieldformat fields fieldsummary filldown fillnull foreach geostats
    head join makecontinuous makemv mvcombine mvexpand nomv outlier predict rangemap rare regex reltime rename replace
    reverse rex search sort spath stats strcat streamstats table tail timechart timewrap top transaction transpose
    trendline uniq untable where xmlkv xyseries
    """.split()  # noqa: SIM905 - a paragraph reads better than a column
)
ALLOWED = _GENERATING | _HARMLESS | _WORKING
#: Take the rows of a subsearch. Anywhere else Splunk puts what a subsearch found into the search as text.
_JOINING = frozenset({"append", "appendcols", "appendpipe", "foreach", "join", "multisearch"})

_COMMAND = late(r"\s*([A-Za-z_][A-Za-z0-9_]*)(?![A-Za-z0-9_:.=-])")
_SUBSEARCH = late(r"\[\s*\|?")
#: A name between single quotation marks that is the same to whoever reads those as quotation and to who does not.
_NAME = late(r"'[^'\"|\[\]`()\\]*'")
#: Times within a search go before those that are given beside it; the last two bring in what others saved.
_TIMES = late(
    r"(?i)(?<![\w.])(_index_earliest|_index_latest|earliest|latest|starttimeu?|endtimeu?|timeformat|searchtimespan\w*"
    r"|(?:start|end)?(?:days|hours|minutes|months)ago|savedsearch|savedsplunk)\s*(?:=(?!=)|::)"
)
_TIME = late(
    r"now(?:\(\))?|0|\d{10}(?:\.\d{1,6})?|[-+]?\d{0,6}(?:s|m|h|d|w|q|y|mon|sec|min|hr|hour|day|week|month|year)s?"
    r"(?:@[a-z]{1,7}[0-7]?)?|@[a-z]{1,7}[0-7]?"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[-+]\d\d:?\d\d)?"
)


class _Command(NamedTuple):
    """A command of a pipeline: where what it is told begins, and whether it is the pipeline's first."""

    name: str
    start: int
    first: bool


def read_only(search: str, indexes: tuple[str, ...] = ()) -> str:
    """``search`` as Splunk's REST interface takes it, kept to ``indexes`` where any are given.

    Raises ActionRefused with a sentence for whoever wrote it.

    >>> read_only("error | stats count by host", ("press",))
    'search (index="press") (error) | stats count by host'
    """
    text = search.strip()
    if not text:
        raise ActionRefused("the search is empty: say what to look for, such as index=main error | stats count by host")
    if len(text) > SEARCH_MAX:
        raise ActionRefused(f"the search has {len(text):,} characters, but only {SEARCH_MAX:,} are allowed: shorten it")
    if "`" in text:
        raise ActionRefused(
            "the search has a ` in it: macros and comments are not allowed: write out what they contain"
        )
    if not text.startswith("|") and not ((found := _COMMAND.match(text)) and found[1].lower() == "search"):
        text = f"search {text}"
    return _Reading(text, indexes).whole()


def checked_time(value: str, what: str) -> str:
    """A time as Splunk writes it: ``-24h``, ``-7d@d``, ``now``, ISO 8601 or unix seconds. Raises ActionRefused."""
    text = value.strip()
    if not _TIME.fullmatch(text):
        raise ActionRefused(
            f"{what} is {text!r:.40}, which is not a Splunk time: write -4h, -7d@d, now, 2025-01-15T02:00:00 or unix "
            "seconds"
        )
    return text


class _Reading:
    """One search as it is read, character by character."""

    def __init__(self, text: str, indexes: tuple[str, ...]) -> None:
        self._text = text
        self._indexes = indexes
        self._open: list[_Command] = []  # the command that is read now, behind those whose subsearches hold it
        self._round: list[int] = []  # how many round brackets are open within each of them
        self._added: list[tuple[int, str]] = []
        self._bare: list[str] = []  # what stands outside of quotation marks

    def whole(self) -> str:
        """The search, with what keeps it to the indexes."""
        at = self._command(1 if self._text.startswith("|") else 0, first=True)
        while at < len(self._text):
            at = self._sign(at)
        if len(self._open) > 1:
            raise ActionRefused("the search opens a [ that it does not close")
        self._end(len(self._text))
        if found := _TIMES.search("".join(self._bare)):
            raise ActionRefused(
                f"the search says {found[1]}= itself, which is not allowed: set the time with earliest and latest, and "
                "do not use a saved search"
            )
        made, last = [], 0
        for place, added in sorted(self._added):
            made += [self._text[last:place], added]
            last = place
        return "".join([*made, self._text[last:]])

    def _sign(self, at: int) -> int:
        """Read what stands at ``at``; where the next begins."""
        sign = self._text[at]
        if sign == '"':
            return self._quoted(at)
        if sign == "'":
            if (found := _NAME.match(self._text, at)) is None:
                raise ActionRefused("the search has a ' in it that can be read in two ways: use double quotation marks")
            self._bare.append(found[0])
            return found.end()
        if sign == "\\" and self._text[at + 1 : at + 2] in ('"', "'"):
            raise ActionRefused("the search has a backslash before a quotation mark: remove it")
        self._bare.append(sign)
        if sign == "|":
            self._end(at)
            return self._command(at + 1, first=False)
        if sign == "[":
            return self._subsearch(at)
        if sign == "]":
            if len(self._open) < 2:
                raise ActionRefused("the search closes a ] that it does not open")
            self._end(at)
        elif sign in "()":
            self._round[-1] += 1 if sign == "(" else -1
            if self._round[-1] < 0:
                raise ActionRefused("the search closes a ) that it does not open")
        return at + 1

    def _subsearch(self, at: int) -> int:
        if (name := self._open[-1].name) not in _JOINING:
            raise ActionRefused(
                f"the search has a [ ] after {name}, which would insert logged text into the search: use append, "
                "appendcols or join"
            )
        found = _SUBSEARCH.match(self._text, at)
        return self._command(found.end() if found else at + 1, first=True)

    def _quoted(self, at: int) -> int:
        end = self._text.find('"', at + 1)
        if end < 0:
            raise ActionRefused("the search opens a quotation mark that it does not close")
        inner = self._text[at + 1 : end]
        if inner.endswith("\\"):
            raise ActionRefused("the search has a backslash before a quotation mark: remove it")
        self._bare.append('""')
        return end + 1

    def _command(self, at: int, *, first: bool) -> int:
        """Read the name of a command; where what it is told begins."""
        found = _COMMAND.match(self._text, at)
        if found is None:
            raise ActionRefused(f"the search has no command where one is needed: at {self._text[at : at + 30]!r}")
        name = found[1].lower()
        if name not in ALLOWED:
            hint = ": a search in [ ] begins with the word search" if first and self._open else ""
            raise ActionRefused(f"the search uses {name!r:.40}, which is not among the commands that only read{hint}")
        if self._indexes and name in _GENERATING:
            only = ", ".join(self._indexes)
            raise ActionRefused(f"the search uses {name}, which looks beyond {only}: begin with search")
        self._open.append(_Command(name, found.end(), first))
        self._round.append(0)
        return found.end()

    def _end(self, at: int) -> None:
        """The command that is read now ends before ``at``."""
        command = self._open.pop()
        if self._round.pop():
            raise ActionRefused("the search opens a ( that it does not close")
        if command.name != "search" or not command.first or not self._indexes:
            return
        within = " OR ".join(f'index="{name}"' for name in self._indexes)
        terms = self._text[command.start : at]
        if terms.strip():
            start = command.start + len(terms) - len(terms.lstrip())
            self._added += [(start, f"({within}) ("), (command.start + len(terms.rstrip()), ")")]
        else:
            self._added.append((command.start, f" ({within})"))
