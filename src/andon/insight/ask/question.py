"""What a question asks for: what happened, what is active, what came first, one log, a fix, … in English or German.

A question is read by its words alone, so what it asks for decides only what is told first: totals of the time and the
problems that fit are told either way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from andon.core.models import ID_MAX
from andon.explain.playbook.glossary import load_glossary
from andon.insight.ask.name_filter import UNTELLING


class Route(StrEnum):
    """What is asked for."""

    OVERVIEW = "overview"
    LOG = "log"
    PROBLEM = "problem"
    ACTIVE = "active"
    FIRST = "first"
    FREQUENT = "frequent"
    WHERE = "where"
    NEW = "new"
    CHANGED = "changed"
    RISING = "rising"
    QUIET = "quiet"
    FIX = "fix"
    BEFORE = "before"
    COUNT = "count"
    ACKNOWLEDGED = "acknowledged"
    DURATION = "duration"
    STOP = "stop"
    LAST = "last"
    HELP = "help"


class Question(NamedTuple):
    """A question that was read. ``top`` is how many are asked for, ``field`` what "which machine" is about.

    ``words`` tell one problem from another; all of them are small letters.
    """

    route: Route
    log_ids: list[int]
    problem_ids: list[int]
    top: int | None
    field: str
    words: list[str]


def _re(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_LIST = r"#?(\d{1,19}(?:\s{0,2}(?:,|&|and|und|or|oder)\s{0,2}#?\d{1,19}){0,20})\b(?![:.]\d|\s?(?:h|am|pm|uhr)\b)"
_NUMBERED = r"\s{0,3}(?:nr\.?|no\.?|number|nummer|id)?\s{0,2}"
_LOG = _re(rf"\b(?:logs?|log[ -]?entr(?:y|ies)|entry|records?|log[ -]?eintrag|eintrag){_NUMBERED}{_LIST}")
_PROBLEM = _re(rf"(?:\b(?:problems?|patterns?|probleme?|muster){_NUMBERED}|(?<!\w)#(?=\d)){_LIST}")
_TOP = _re(r"\btop\s{0,2}(\d{1,3})\b|\b(\d{1,2})\s(?:most|worst|häufigsten)\b")
_FIELDS = {
    "machine": "machines?|press(?:es)?|robots?|maschinen?|anlagen?|roboter",
    "line": "lines?|linien?",
    "area": "areas?|halls?|bereiche?",
    "site": "sites?|plants?|standorte?|werke?",
    "service": "services?|systems?|programs?|dienste?|programme?",
    "hostname": "hosts?|devices?|computers?|plcs?|rechner|geräte?|steuerung(?:en)?",
}
_WHICH = _re(
    r"\b(?:which|what|welche[rsn]?)\s(?:of\sthe\s)?(?:"
    + "|".join(f"(?P<{name}>{words})" for name, words in _FIELDS.items())
    + r")\b.{0,60}\b(?:most|worst|more|many|noisiest|often|häufig\w*|meist\w*|viele?|schlimm\w*)\b"
)
_TOP_FIELDS = _re(
    r"\btop\s(?:\d{1,3}\s)?(?:" + "|".join(f"(?P<{name}>{words})" for name, words in _FIELDS.items()) + r")\b"
)
#: Alarms that nobody has seen are asked for among those that are active.
UNSEEN = _re(
    r"\b(?:not|never|isn't|aren't|un)[\s-]?(?:yet\s)?(?:been\s)?(?:ack|acked|acknowledged)\b"
    r"|\b(?:nicht|un)\s?quittiert\w*|\bnobody\b.{0,20}\back"
)
#: Something that runs no more.
STOPS = _re(
    r"\b(?:stop|stops|stopped|stopping|halt|halts|halted|down|stand(?:s|ing)?\sstill|standstill|not\srunning|stoppages?)\b"
    r"|\b(?:gestoppt|stoppt|stoppte|stillstand|stand|steht|angehalten|stehen\s?geblieben|ausgefallen)\b"
)
_WHERE = _re(r"\A\W*(?:where|wo)\b|\b(?:noisiest|loudest)\b")

#: What is asked for by what a question says, in the order in which it is looked for.
_ROUTES: tuple[tuple[Route, re.Pattern[str]], ...] = (
    (
        Route.HELP,
        _re(
            r"\A\W*(?:hello|hi|hey|hallo|moin|servus|help|hilfe|thanks?|thank\syou|danke|test|good\s(?:morning|day|evening)"
            r"|guten\s(?:tag|morgen|abend)|what\scan\s(?:you|i)\b.{0,30}|was\skannst\sdu.{0,20}|who\sare\syou)\b\W*\Z"
        ),
    ),
    (
        Route.ACKNOWLEDGED,
        _re(r"\b(?:ack|acks|acked|acknowledge[sd]?|acknowledging|acknowledg\w+|quittier\w*|quittung\w*)\b"),
    ),
    (
        Route.FIX,
        _re(
            r"\bhow\s(?:do|can|to|did|should|could)\b.{0,60}\b(?:fix|solve|repair|clear|reset|rid|resolve|mend|remedy)\b"
            r"|\b(?:which|what|known|any|confirmed|a|the)\s(?:fix|fixes|remedy|remedies|solution|solutions)\b"
            r"|\bwhat\s(?:did|have|has)\s(?:we|you|they|i|he|she|somebody|someone)\s(?:do|done|try|tried|change)\b"
            r"|\bwhat\s(?:has\s)?(?:helped|worked|fixed|solved)\b|\bwhat\s(?:to|should\s(?:i|we))\s(?:do|check)\b"
            r"|\bwie\s(?:behebt?e?|löse?n?|repariere?n?|beseitig\w+)\b|\bwie\b.{0,40}\b(?:beheben|lösen|reparieren)\b"
            r"|\bwas\s(?:haben|hat|hatten)\b.{0,40}\b(?:gemacht|getan|geholfen)\b|\b(?:abhilfe|lösung|lösungen)\b"
            r"|\bwas\s(?:tun|hilft|prüfen|soll\sich)\b"
            r"|\bwho\b.{0,40}\b(?:fixed|repaired|solved|mended|resolved|replaced)\b"
            r"|\bwer\b.{0,40}\b(?:behoben|repariert|gelöst|beseitigt|ersetzt|getauscht)\b"
        ),
    ),
    (
        Route.BEFORE,
        _re(
            r"\b(?:happened|happen|occurred|occur|seen|had|was|been|fail|failed|trip|tripped|stop|stopped|did)\b.{0,30}"
            r"\bbefore\W*\Z|\bmean\stime\sbetween\b|\bmtbf\b|\bever\s(?:happen\w*|seen|had|occur\w*)"
            r"|\b(?:has|did|have)\s(?:this|it|that|we|they)\b.{0,30}\b(?:already|again)\b"
            r"|\bschon\s(?:ein|öfter|früher|mehr|mal)\w*|\bwiederholt?\b|\bwhen\s(?:was|did)\b.{0,40}\blast\b"
            r"|\bwann\b.{0,40}\b(?:zuletzt|letzte[nrs]?)\b"
        ),
    ),
    (
        Route.DURATION,
        _re(
            r"\bhow\slong\b(?!\sago)|\bsince\swhen\b|\bdown-?\s?times?\b|\bduration\b|\bwie\slange?\b|\bseit\swann\b"
            r"|\blongest\b|\bam\slängsten\b"
            r"|\b(?:stillstands?|ausfall|stand)(?:zeit|dauer)(?:en)?\b"
        ),
    ),
    (
        Route.COUNT,
        _re(r"\bhow\s(?:often|many|much|frequently)\b|\bwie\s?(?:oft|viele?|häufig)\b|\banzahl\b|\bnumber\sof\b"),
    ),
    (
        Route.NEW,
        _re(
            r"\bnew(?:ly|est)?\s(?:problem|alarm|error|fault|message|since|today|this|in|on|at|kind)\w*"
            r"|\b(?:what|what's|anything|something)\b.{0,12}\bnew\b|\bnew\W*\Z|\bfor\sthe\sfirst\stime\b|\bnever\s(?:seen|had)"
            r"|\bneu(?:e|es|en)?\b"
        ),
    ),
    (
        Route.CHANGED,
        _re(
            r"\bchanged?\b|\bchanges\b|\bdiffer\w+\b|\b(?:ge)?änder(?:t|n|te|ung|ungen)\b|\bunterschied\w*\b|\banders\b"
            r"|\bcompar(?:e|ed|ing|ison)\b|\bversus\b|\bvs\b|\bvergl(?:eich\w*|ichen)\b"
        ),
    ),
    (
        Route.RISING,
        _re(
            r"\b(?:worse|worsening|better|improv\w+|rising|rises?|increas\w+|trends?|more\soften|more\sand\smore)\b"
            r"|\b(?:more|fewer|less)\b.{0,30}\bthan\b|\b(?:mehr|weniger)\b.{0,30}\bals\b"
            r"|\b(?:schlimmer|schlechter|besser|zunehm\w*|steig\w*|häufiger)\b|\bnimmt\b.{0,30}\bzu\b"
        ),
    ),
    (
        Route.QUIET,
        _re(
            r"\b(?:silent|quiet|silence)\b|\bstopped\s(?:coming|logging|reporting|sending)\b|\bno\slonger\b"
            r"|\bverstummt?\b|\bstill\sgeworden\b|\bmeldet\b.{0,30}\bnicht\smehr\b"
        ),
    ),
    (
        Route.LAST,
        _re(
            r"\b(?:last|latest|newest|most\srecent|letzte[nrs]?|neueste[nrs]?)\s"
            r"(?:logs?|log\sentry|message|entry|alarm|error|fault|event|meldung|eintrag|fehler|störung|alarmmeldung)\b"
        ),
    ),
    (
        Route.FREQUENT,
        _re(
            r"\bmost\s(?:frequent|common|often|alarms?|errors?|logs?|faults?|of)\b|\bfrequent\b|\btop\b|\bpareto\b"
            r"|\bbad\sactors?\b|\bworst\s(?:offender|problem|alarm)s?\b|\bhäufigste[nrs]?\b|\bam\s(?:häufigsten|meisten)\b"
        ),
    ),
    (
        Route.STOP,
        _re(
            rf"\b(?:why|reasons?|cause[ds]?|warum|wieso|weshalb|wodurch|grund|ursachen?)\b.{{0,80}}(?:{STOPS.pattern})"
            r"|\bwhat\s(?:has\s|had\s)?(?:stopped|halted|stops|halts|(?:made|makes)\b.{0,40}\bstop)\b"
            r"|\bwas\s(?:hat|hatte)\b.{0,40}\b(?:gestoppt|angehalten)\b"
        ),
    ),
    (
        Route.FIRST,
        _re(
            r"\bfirst[- ]?out\b|\b(?:what|which|who)\b.{0,40}\bfirst\b|\bcame\sfirst\b"
            r"|\bfirst\s(?:alarm|fault|error|problem|log)\b"
            r"|\bwhat\s(?:started|triggered|caused|set\soff|began|tripped)\b|\broot\scause\b|\b(?:zuerst|erstmeld\w+|auslöser)\b"
            r"|\berste[nrs]?\s(?:alarm|fehler|störung|meldung|problem)\w*"
        ),
    ),
    (
        Route.ACTIVE,
        _re(
            r"\bactive\b|\bcurrent(?:ly)?\b|\bright\snow\b|\bat\s(?:the|this)\smoment\b|\bopen\s(?:alarm|fault|problem)s?\b"
            r"|\bstanding\b|\bstill\s(?:there|on|standing|wrong)\b|(?<!until\s)(?<!till\s)(?<!to\s)\bnow\b"
            r"|\baktiv\w*\b|\baktuell\w*\b|\b(?:gerade|momentan|jetzt|anstehend\w*)\b|\bsteht\b.{0,20}\ban\b|\bsteh(?:en|t)\san\b"
        ),
    ),
)

#: Words of questions and of time, which tell no problem from another.
COMMON = UNTELLING | frozenset(
    """
    acknowledge acknowledged acked active actor actors already anybody anyone anything ask asked bad became become
    better change changed changes check checked clear common count current currently date describe detail details
    differ difference different doing done else end ended entry everything exactly fix fixed fixes fixing flood
    flooded found frequent frequently further future gone good got guy halt halted hello hear help helped hey high
    important increase increasing information interesting just kind know known less list little long look looked
    looking low machines main major mean means moment monday tuesday wednesday thursday friday saturday sunday
    months name need newest next noisiest nothing number occur occurred occurring oldest open outage part past
    pattern patterns place places previous quiet read really recent recently repair repaired report reset resolve
    resolved rid right rise rising root said saw say says second see seem seems seen serious severe silent similar
    situation solution solve solved someone something soon stand standing start started starting state status stood
    summary sure take test thank thanks thing things think tomorrow top tried trigger triggered trouble try types
    understand unusual use used want wants watch weeks whats whole whom whose work worked working works worse worst
    year years yes zone midnight noon aber alarme alle allem allen aller alles als andere anderen anders auf aus
    beheben bei beim bereich besser bin bis bitte dabei damit dann das dass dein dem den denn der deren des die dies
    diese diesem diesen dieser dieses doch dort drei durch eben ein eine einem einen einer eines einmal erste erster
    erstes etwas euch euer fehler fehlern frage fragen früh früher für ganz gab geben gegen gehabt gehört geht
    gemacht genau gerade geschah geschehen gestern getan gewesen gibt ging haben hallo hat hatte hatten heute hier
    hilfe hinter ich ihm ihn ihr immer ist jetzt kam kann kannst kein keine kommt können letzte letzten letzter
    linie linien los löse lösen lösung man maschine maschinen mehr mein meine meldung meldungen meist meiste meisten
    mich mir mit morgen muss nach nacht nachts neu neue neuen neues nicht nichts noch nun nur nächste oben oder oft
    ohne passiert passierte pro probleme schon sehr sein seine seit sich sie sind sofort soll sollte sonst steht
    stehen störung störungen stunde stunden tag tage tagen trat tun über uhr und uns unser unter viel viele vom von
    vor vorgestern war waren warum weil welche welchem welchen welcher welches wen wenn wer werden weshalb wie
    wieder wieso wir wird wissen wo woche wochen woran wurde wurden zeige zeigen zuerst zum zur zuletzt zwei
    zwischen häufig häufiger häufigste häufigsten schlimmer schlechter ausgefallen montag dienstag mittwoch
    donnerstag freitag samstag sonntag abend mittag mitternacht vormittag nachmittag angehalten gestoppt
    stehengeblieben stillstand gestanden anlage anlagen ausfall gestört running runs broken okay clock host hosts
    january february march april june july august september october november december januar februar märz mai juni
    juli oktober dezember läuft laufen kaputt getting logging wann wohin sag nochmal bisher aktiv aktuell quittiert
    quittierte abhilfe behebe behebt schlimm kritisch kritisches kritische compare compared comparing comparison
    versus against vergleich vergleiche verglichen lang lange wieviel wieviele weekend wochenende downtime downtimes
    duration ausfallzeit standzeit stillstandszeit unacknowledged unacked unquittiert handover übergabe
    schichtübergabe hinterlassen mtbf longest längsten behoben repariert gelöst beseitigt ersetzt getauscht fewer
    weniger gestrige gestrigen heutige heutigen letztes
    """.split()  # noqa: SIM905 - a list of strings would take a page
)


def read_question(text: str, telling: list[str], named: Iterable[str] = ()) -> Question:
    """What ``text`` asks for; ``telling`` are its words that are not common, ``named`` the names that it has."""
    log_ids, problem_ids = _ids(_LOG, text), _ids(_PROBLEM, _LOG.sub(" ", text))
    which = _WHICH.search(text) or _TOP_FIELDS.search(text)
    route = next((route for route, pattern in _ROUTES if pattern.search(text)), Route.OVERVIEW)
    if route == Route.ACKNOWLEDGED and UNSEEN.search(text):
        route = Route.ACTIVE
    if which is not None or (route in (Route.OVERVIEW, Route.FREQUENT) and _WHERE.search(text)):
        route = Route.WHERE
    elif log_ids and route in (Route.OVERVIEW, Route.FIRST, Route.ACTIVE, Route.CHANGED):
        route = Route.LOG
    elif problem_ids and route not in (Route.FIX, Route.BEFORE, Route.COUNT):
        route = Route.PROBLEM
    top = next((int(number) for found in _TOP.finditer(text) for number in found.groups() if number), None)
    field = "machine" if which is None else next(name for name, said in which.groupdict().items() if said)
    parts = {part for name in named for part in re.findall(r"[^\W\d_]+", name.lower())}
    return Question(route, log_ids, problem_ids, top, field, _words([one for one in telling if one not in parts]))


def _ids(pattern: re.Pattern[str], text: str) -> list[int]:
    found = (int(one) for match in pattern.finditer(text) for one in re.findall(r"\d+", match[1]))
    return list(dict.fromkeys(one for one in found if 0 < one <= ID_MAX))[:10]


def _words(telling: list[str]) -> list[str]:
    """Words by which problems can be told apart, those in other languages also in English."""
    parts = [part for word in telling for part in re.split(r"[-_/.]", word) if len(part) > 2]
    own = [word for word in parts if word not in COMMON and not re.search(r"\d", word)]
    english = load_glossary().translate(own[:20]) if own else []
    return list(dict.fromkeys([*own, *(word for word in english if len(word) > 2 and word not in COMMON)]))
