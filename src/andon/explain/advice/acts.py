"""Forbidden advice beside defeated devices: limits raised, trips reset over and over, hands in machines, live work."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from andon.explain.advice import words


class Act(NamedTuple):
    """``pattern`` finds the order in a plain sentence; ``excused`` there makes it honest work; ``needs`` is what the
    sentence, or one of the two before it, has to speak of."""

    rule: str
    pattern: re.Pattern[str]
    excused: re.Pattern[str] | None = None
    needs: re.Pattern[str] | None = None


def _act(rule: str, *patterns: str, excused: str | None = None, needs: str | None = None) -> Act:
    one, other = (None if text is None else re.compile(rf"(?<!\w)(?:{text})(?!\w)") for text in (excused, needs))
    return Act(rule, re.compile(r"(?<!\w)(?:" + "|".join(patterns) + r")(?!\w)"), one, other)


_LIMITED = (
    rf"(?:trip\w*|overload|over ?temperature|over ?current|over ?pressure|over ?speed|safety|relief|thermal|"
    rf"limiters?|protect\w+|"
    rf"cut ?outs?|shut ?down|alarm|vibration|interlock|high ?high|emergency|{words.DEVICE})"
)
_VALUE = (
    r"(?:limits?|thresholds?|set ?points?|settings?|values?|levels?|ratings?|currents?|pressures?|"
    r"temperatures?|speeds?|time|delay|point)"
)
_RAISE = r"(?:raise|increase|lift|widen|extend|turn up|adjust up|set higher|set up|push up|relax|open up)"
_TRIPPED = (
    r"(?:trip\w*|overload\w*|breakers?|fuses?|drives?|inverters?|servo\w*|motors?|burners?|safety|relays?|"
    r"press(?:es)?|compressors?|machines?|pumps?|"
    r"fault\w*|conveyors?|lock ?outs?|flame|heaters?|interlocks?)"
)
_AGAIN = (
    r"(?:repeatedly|again and again|over and over(?: again)?|as (?:often|many times) as (?:needed|necessary|"
    r"it takes)|several times|many times|multiple times|"
    r"(?:\d+|three|four|five|six|ten) times|time after time|each time it trips|every time it trips|whenever it trips|"
    r"until it (?:holds|stays|runs|clears|works|starts|stops tripping|keeps running|no longer trips|goes away|"
    r"comes back|does not trip|ignites|lights)\w*)"
)
_RESET = (
    r"(?:reset|re ?start|acknowledge|switch on|re ?energi[sz]e|power cycle|reclose|re ?close|close|try|start|"
    r"clear|re ?ignite|turn on)"
)

ACTS: Final = (
    _act(
        "safety device out of action",
        rf"(?:apply|feed|connect|wire|inject|put|give) (?:\w+ ){{0,3}}?(?:24 ?v\w*|voltage|signal|"
        rf"a constant high)(?: \w+){{0,3}}? (?:to|on|onto|into|at) (?:\w+ ){{0,3}}?(?:{words.DEVICE}|ossd\w*)",
        rf"(?:hold|keep|fix|lock)(?: \w+){{0,3}}? (?:{words.DEVICE}|reset button|start button)(?: \w+)"
        rf"{{0,4}}? (?:with|using|by) (?:\w+ ){{0,3}}?(?:tape|(?:cable|zip) ?ties?|clamps?|wire|magnets?|"
        rf"string|rubber bands?|wedges?|weights?|screws?)",
        excused=r"test pulse|under lock ?out|during maintenance",
    ),
    _act(
        "safety device out of action",
        r"(?:can|may|could|should) (?:\w+ )?(?:be left|stay|remain|be kept) (?:open|unlocked|off)(?: \w+)"
        r"{0,4}? (?:running|production|operation|cycle|runs)",
        needs=r"guards?|(?:safety )?(?:doors?|gates?)|covers?|fences?|hoods?",
    ),
    _act(
        "limit of a safety device raised",
        rf"{_RAISE} (?:\w+ ){{0,4}}?{_LIMITED} (?:\w+ ){{0,3}}?{_VALUE}",
        rf"{_RAISE} (?:\w+ ){{0,3}}?{_VALUE} (?:of|for|on|at|in) (?:\w+ ){{0,4}}?{_LIMITED}",
        rf"{_RAISE} (?:the |its |this )?(?:limiters?|trips?|overloads?|relief valves?)",
        rf"{_RAISE} (?:\w+ ){{1,8}}?(?:until|so that|so|till) (?:it|the \w+) (?:stops? tripping|"
        rf"no longer trips?|does not trip|holds?|stays? on)",
        rf"(?:set|adjust|turn|change) (?:\w+ ){{0,4}}?(?:{_LIMITED}) (?:\w+ ){{0,4}}?(?:to (?:its |the )"
        rf"?(?:max\w*|highest|upper end)|above|higher|beyond|up)",
        r"(?:fit|install|use|insert|put in|replace (?:it|the \w+|them) (?:by|with)|take|swap in) (?:an? )"
        r"?(?:\w+ )?(?:larger|bigger|higher rated|stronger|higher|"
        r"oversized|next larger|thicker) (?:\w+ )?(?:fuses?|breakers?|overloads?(?: relays?)?|relief valves?)",
        needs=rf"{_LIMITED}|fuses?|breakers?",
        excused=r"conveyor belt speed|connection\w*|memory|cpu|heap|quota|disk|file descriptors?|rate limit\w*|"
        r"api|pods?|timeouts?|time out|nameplate|name plate|"
        r"to the value (?:of|in) the|as documented|rated current of the motor|log level",
    ),
    _act(
        "reset again and again",
        rf"{_RESET}\b(?: \w+){{0,8}}? {_AGAIN}",
        r"(?:keep|continue|go on) (?:on )?(?:resetting|(?:pressing|pushing|hitting) (?:the )?(?:reset|"
        r"acknowledge|start)|re ?starting|acknowledging|reclosing|switching|trying|clearing|re ?energi[sz]ing)",
        r"(?:hold|keep|tape|jam) (?:down )?(?:the )?reset(?: button)?(?: \w+){0,2} (?:pressed|down|in|held)",
        needs=_TRIPPED,
        excused=(
            r"pods?|containers?|services?|browser|connection|login|query|request|download|ping|client|"
            r"only once|once only"
        ),
    ),
    _act(
        "hands in a running machine",
        rf"(?:reach|lean|climb|crawl|step|enter|go|get|stick|put|place|insert|hold)\b(?: \w+)"
        rf"{{0,6}}? (?:into?|in|inside|under|between|through|behind|on|at)(?: \w+)"
        rf"{{0,4}}? (?:{words.RISKY_STATE}|live) {words.MACHINE}",
        rf"(?:reach|lean|climb|crawl|step|stick|put|place|insert)\b(?: \w+){{0,6}}? (?:into?|in|inside|under|"
        rf"between|through|behind|on|to)\b(?: \w+){{0,8}}? (?:while|when|as|with)\b(?: \w+)"
        rf"{{0,4}}? {words.RISKY_STATE}",
        rf"(?:clean|clear|remove|free|pull|grab|grease|lubricate|wipe|scrape|unjam|un ?block|dislodge|pick|"
        rf"catch|pluck|touch|brush|push|tighten|repair)\b(?: \w+){{0,9}}? (?:while|when|as|with)\b(?: \w+)"
        rf"{{0,4}}? {words.RISKY_STATE}",
        r"(?:clean|clear|remove|free|pull|grab|unjam|un ?block|dislodge|reach|pick|wipe|scrape|grease|"
        r"lubricate|repair)\b(?: \w+){0,9}? without (?:first )?(?:stopping|switching|shutting|turning|halting|"
        r"interrupting)\b(?! off the (?:server|network))",
        r"(?:clean|clear|remove|free|pull|grab|unjam|un ?block|dislodge|wipe|scrape|grab|touch)\b(?: \w+)"
        r"{0,4}? (?:by|with) (?:your )?(?:bare )?hands?\b(?: \w+){0,4}? (?:while|when|from the (?:running|"
        r"moving))",
        excused=(
            r"stopped|locked out|lock ?out|isolated|hot ?plug\w*|hot ?swap\w*|database|server|container|"
            r"query|process(?:es)? is running"
        ),
    ),
    _act(
        "work on live parts",
        r"(?:work|replace|unplug|disconnect|connect|tighten|swap|solder|change|repair|plug|rewire|exchange|"
        r"touch|remove|re ?terminate|open|service|fix|re ?seat|install|fit|wire|pull)\b"
        r"(?: \w+){0,9}? (?:while|when|under|on|with|as)\b(?: \w+){0,4}? (?:live|energi[sz]ed|under voltage|"
        r"voltage on|powered(?: on| up)?|the power on|power on|power still on|full voltage|the mains on|"
        r"switched on|voltage|hot)",
        r"(?:work|replace|disconnect|connect|tighten|swap|solder|change|repair|rewire|exchange|touch|open|"
        r"service|remove|fit|install|pull)\b(?: \w+){0,9}? without (?:first )?"
        r"(?:isolat\w+|lock\w*(?: ?out)?|tag\w+|switching (?:it |the \w+ )?off|turning (?:it |the \w+ )?off|"
        r"de ?energi[sz]ing|disconnecting (?:the )?(?:power|supply|mains)|cutting (?:the )?power|"
        r"removing (?:the )?power|shutting (?:it )?(?:off|down))",
        r"no need to (?:lock (?:it )?out|isolate|de ?energi[sz]e|switch (?:it |the \w+ )?off|stop the \w+)|"
        r"lock ?out (?:is )?(?:not|un) ?(?:needed|necessary|required)",
        r"(?:skip|omit|by ?pass|dispense with|save yourself|forgo|leave out|ignore) (?:the |any |all )"
        r"?(?:lock ?outs?|tag ?outs?|loto|isolation|lock out tag out|de ?energi[sz]\w+|earthing)",
        r"(?:touch|work on|handle) (?:the |any )?(?:live|energi[sz]ed) (?:\w+ )?(?:parts?|wires?|terminals?|"
        r"conductors?|bus ?bars?|cables?|equipment)",
        excused=r"batter(?:y|ies)|hot ?plug\w*|hot ?swap\w*|live migration|live view|disk|drive bay|"
        r"power supply unit of the server|sfp|switched off|voltage free|usb|keyboard|"
        r"live (?:data|system|image|update|log|stream)|measure only",
    ),
    _act(
        "reset again and again",
        r"(?:mehrfach|wiederholt|immer wieder|so oft wie notig|solange bis|bis (?:er|sie|es) (?:halt|lauft|"
        r"startet|bleibt))(?: \w+){0,4}? (?:quittieren|zurucksetzen|neu ?starten|einschalten|"
        r"wieder einschalten)",
        r"(?:quittieren|zurucksetzen|neu ?starten|einschalten|starten)(?: \w+){0,6}? (?:mehrfach|wiederholt|"
        r"immer wieder|so oft wie notig|bis (?:er|sie|es) (?:halt|lauft|startet|bleibt))",
        excused=r"nicht|nie|niemals|kein\w*|statt",
    ),
    _act(
        "hands in a running machine",
        r"(?:bei|an|in) (?:\w+ )?(?:laufende[mnr]?|drehende[mnr]?|bewegte[mnr]?)(?: \w+){0,4}? (?:greifen|"
        r"hineingreifen|reinigen|entfernen|fassen|losen|schmieren)",
        r"(?:greifen|hineingreifen|fassen)(?: \w+){0,4}? (?:laufende[nrms]?|drehende[nrms]?|bewegte[nrms]?)",
        excused=r"nicht|nie|niemals|kein\w*|ohne",
    ),
    _act(
        "work on live parts",
        r"unter spannung (?:\w+ ){0,3}?(?:arbeiten|tauschen|anklemmen|abklemmen|losen|nachziehen|wechseln|"
        r"austauschen|ziehen|stecken)",
        r"(?:arbeiten|tauschen|anklemmen|nachziehen|wechseln|austauschen)\b(?: \w+){0,5}? (?:unter spannung|"
        r"ohne (?:freischalt\w+|abzuschalten|spannungsfrei))",
        excused=r"nicht|nie|niemals|kein\w*|messen",
    ),
    _act(
        "limit of a safety device raised",
        r"(?:grenzwert|abschaltwert|auslosewert|ansprechwert|ausloseschwelle|schaltpunkt|auslosestrom)"
        r"\w*(?: \w+){0,6}? (?:erhohen|heraufsetzen|hochsetzen|anheben|hoher (?:ein)?stellen)",
        r"(?:erhohen|heben|setzen)(?: sie)?(?: \w+){0,4}? (?:grenzwert|abschaltwert|auslosewert|ansprechwert|"
        r"ausloseschwelle|auslosestrom)\w*(?: \w+){0,6}? (?:sicherheit|begrenzer|schutz|uberlast|motorschutz)"
        r"\w*",
        r"(?:starkere|grossere|hohere)\w* sicherung(?:en)?(?: \w+){0,3}? (?:einsetzen|einbauen|verwenden)",
        excused=r"nicht|nie|niemals|kein\w*|verbindung\w*|speicher\w*",
    ),
)
