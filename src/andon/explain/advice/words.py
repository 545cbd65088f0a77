"""Words of forbidden advice, as regular expressions over plain text (small letters, no accents, blanks for hyphens).

What is protected, what takes it out of action, and what turns a sentence into its opposite; in English and in the
languages that the playbook's glossary knows. A word belongs to a kind by its meaning, and the rules join kinds.
"""

from __future__ import annotations

from typing import Final


def _any(*words: str) -> str:
    return "(?:" + "|".join(words) + ")"


#: Devices that keep people and machines from harm.
DEVICE: Final = _any(
    r"light ?(?:curtain|grid|barrier|screen|fence)s?",
    r"safety (?!margins?\b|stocks?\b|glass\w*|gloves?\b|shoes?\b|distances?\b|data\b|sheets?\b|signs?\b|factors?\b|"
    r"regulations?\b|rules?\b|instructions?\b|specialists?\b|officers?\b|technicians?\b|engineers?\b|trainings?\b|"
    r"manuals?\b|staff\b|team\b|department\b|reasons?\b|of\b|is\b|and\b|or\b|first\b)\w+(?: (?:contacts?|"
    r"inputs?|circuits?|"
    r"relays?|switch(?:es)?|functions?|outputs?|channels?))?",
    r"(?<!coast )(?<!flow )guards?(?! (?:interval|time|band|bit|page)s?\b)(?: (?:doors?|gates?|switch(?:es)?|locks?|"
    r"locking|monitoring|contacts?))?",
    r"safety(?= (?:and|to|so|until|for)\b|[.,!]|$)",
    r"safeguards?",
    r"inter ?lock(?:s|ing)?(?: (?:switch(?:es)?|circuits?|relays?|contacts?|chains?))?",
    r"e ?stops?(?: (?:circuits?|relays?|buttons?|contacts?|chains?|loops?))?",
    r"emergency (?:stops?|off|buttons?|shut ?downs?|switch(?:es)?|pull)\w*",
    r"pull ?(?:cords?|wires?) ?(?:switch(?:es)?)?",
    r"(?:door|gate|hatch|cover|lid|hood) (?:safety )?(?:switch(?:es)?|contacts?|locks?|sensors?|limits?|monitoring)",
    r"two hand(?: (?:controls?|buttons?|circuits?|operation))?",
    r"enabling (?:switch(?:es)?|devices?|buttons?)",
    r"dead ?man(?:'s)?(?: (?:switch(?:es)?|handles?|pedals?))?",
    r"protective (?:fields?|devices?|stops?|covers?|doors?|functions?|circuits?|relays?|earths?|conductors?|equipment)",
    r"ossds?\d?",
    r"(?:area|zone|laser) scanners?",
    r"flame (?:monitor\w*|detectors?|guards?|sensors?|supervision|relays?|rods?|safeguards?|failure \w+)",
    r"burner (?:controls?|management|safety|interlocks?)",
    r"(?:gas|smoke|fire|h2s|co2?|oxygen|leak) (?:detect\w+|alarms?|sensors?|monitors?|warners?|suppression|dampers?)",
    r"sprinklers?",
    r"over ?speed(?: (?:governors?|switch(?:es)?|trips?|protection|monitor\w*|guards?))?",
    r"(?:temperature|pressure|level|torque|load|speed|overload|force|over ?travel|travel) (?:limiters?|limit "
    r"switch(?:es)?|cut ?outs?|guards?)",
    r"(?:pressure )?relief (?:valves?|devices?)",
    r"(?:rupture|burst(?:ing)?) dis[ck]s?",
    r"(?:high ?high|low ?low)(?: (?:level|pressure|temperature|alarms?|trips?|switch(?:es)?))*",
    r"trip (?:circuits?|relays?|contacts?|chains?|signals?|systems?|functions?)",
    r"shut ?down (?:systems?|logic|valves?|circuits?|interlocks?)",
    r"(?:end|final|hardware|over ?travel) (?:limit )?switch(?:es)?",
    r"safe torque off|sto (?:inputs?|circuits?|functions?)",
    r"collision (?:sensors?|protection|monitor\w*|detection)",
    r"(?:safe|fail ?safe|f) (?:inputs?|outputs?|channels?|circuits?|stops?)",
)
#: What protects cables, motors and machines: a breaker is switched off every day, but it is never bridged.
FUSING: Final = _any(
    r"(?:circuit |motor )?breakers?",
    r"fuses?",
    r"rcds?|gfcis?|residual current \w+",
    r"(?:ground|earth) fault (?:relays?|monitors?|protection)",
    r"overloads?(?: (?:relays?|contacts?|trips?|devices?))?",
    r"thermal (?:cut ?outs?|fuses?|switch(?:es)?|overloads?|protectors?|contacts?)",
    r"(?:motor|phase|thermistor|ptc) (?:protect\w+|monitor\w*|relays?)(?: (?:switch(?:es)?|relays?))?",
    r"(?:over ?temperature|over ?pressure|low pressure|high pressure|over ?current|over ?heat\w*)"
    r" (?:switch(?:es)?|relays?|contacts?|"
    r"sensors?|cut ?outs?)",
    r"(?:pressure|flow|level|float|temperature) (?:switch(?:es)?|guards?)",
    r"limit switch(?:es)?",
)
#: What watches: alarms, trips and monitoring of machines.
WATCH: Final = _any(
    r"(?:[a-z]+ )?alarms?(?! horns?| beep\w*| buzz\w*| sounds?| clock| tones?| histor\w+| e ?mails?)",
    r"(?<!write )(?<!copy )(?<!read )(?<!overwrite )(?<!screen )(?<!password )(?<!branch )(?<!sleep )protections?"
    r"(?: (?:functions?|relays?|circuits?|trips?))?",
    r"protective functions?",
    r"(?:[a-z]+ )?(?:supervision|monitoring)(?: functions?)?",
    r"(?:over ?temperature|over ?current|over ?pressure|vibration|high|low|fault|motor|safety) trips?",
    r"trips?",
    r"watch ?dogs?",
)
#: What guards a computer.
COMPUTER: Final = _any(
    r"(?:windows |host |network )?firewalls?",
    r"anti ?virus\w*|virus (?:scanners?|protection)|(?:windows )?defender|endpoint (?:protection|security)|edr",
    r"selinux|app ?armor|uac",
    r"authentication|access control|multi ?factor|mfa|password checks?",
    r"audit (?:logs?|logging|trail)",
    r"intrusion (?:detection|prevention)(?: systems?)?",
    r"security (?:updates?|software|policy|policies|agents?)",
)

#: Verbs that mean a defeat whatever stands beside them: (base, past, -ing).
STRONG: Final = tuple(
    (base, past, ing)
    for base, past, ing in (
        (
            r"by ?pass(?! (?:valve|line|filter|damper|contactor|mode|operation|key|path|duct|breaker|active|"
            r"around)s?\b)",
            r"by ?passed",
            r"by ?passing",
        ),
        (
            r"bridge(?: (?:over|out|across))?(?! (?:rectifier|module|resistor|mode|driver|port|interface|"
            r"network|crane|circuit "
            r"of)s?\b)",
            r"bridged",
            r"bridging",
        ),
        (
            r"over ?ride(?! (?:switch|value|key|potentiometer|active|mode|control)s?\b)",
            r"over ?rid(?:den|ed)",
            r"over ?riding",
        ),
        (r"defeat", r"defeated", r"defeating"),
        (r"jumper(?: out| across| over)?(?! (?:settings?|blocks?|positions?|plan)\b)", r"jumpered", r"jumpering"),
        (r"circumvent", r"circumvented", r"circumventing"),
        (
            r"short(?: circuit)?(?: out| across| together)?(?= (?:the|both|all|its?|them|out|across|contacts?|"
            r"terminals?|inputs?|"
            r"outputs?|pins?|wires?|s\d|ossd)\b)",
            r"short(?: circuit)?ed(?: out)?",
            r"shorting(?: out)?",
        ),
        (
            r"(?:hot ?wire|strap out|link out|loop out|wire around|work around|get around|go around)",
            r"(?:hot ?wired|strapped out|linked out|looped out|wired around)",
            r"(?:hot ?wiring|strapping out|linking out|looping out|wiring around|working around)",
        ),
        (
            r"(?:spoof|trick|fool|cheat|outwit)",
            r"(?:spoofed|tricked|fooled|cheated)",
            r"(?:spoofing|tricking|fooling|cheating)",
        ),
        (r"(?:tamper with|manipulate)", r"(?:tampered with|manipulated)", r"(?:tampering with|manipulating)"),
    )
)
#: Verbs that mean a defeat where the device itself is their object.
MEDIUM: Final = tuple(
    (base, past, ing)
    for base, past, ing in (
        (r"disable", r"disabled", r"disabling"),
        (r"de ?activate", r"de ?activated", r"de ?activating"),
        (
            r"(?:switch|turn|shut|power)(?: (?!(?:on|at|to|with|from|in|before|until|by)\b)\w+){0,5}? (?:off|down)",
            r"(?:switched|turned|shut|powered) (?:off|down)",
            r"(?:switching|turning|shutting|powering) (?:off|down)",
        ),
        (r"inhibit", r"inhibited", r"inhibiting"),
        (r"suppress", r"suppressed", r"suppressing"),
        (r"mute", r"muted", r"muting(?= (?:the|its|their|this))"),
        (r"neutrali[sz]e", r"neutrali[sz]ed", r"neutrali[sz]ing"),
        (r"simulate", r"simulated", r"simulating"),
        (r"mask(?: out)?", r"masked(?: out)?", r"masking"),
        (
            r"(?:comment|blank|take|cut|leave) out",
            r"(?:commented|blanked|taken|cut|left) out",
            r"(?:commenting|blanking) out",
        ),
        (
            r"take(?: \w+){1,4} out of (?:the )?(?:circuit|action|loop|service|operation)",
            r"taken out of \w+",
            r"taking out of",
        ),
        (
            r"(?:tape|tie|zip ?tie|cable ?tie|strap|wedge|clamp|prop|glue|jam|pin|chock)(?: (?:over|down|back|"
            r"up|shut|open|closed))?",
            r"(?:taped|tied|zip ?tied|strapped|wedged|clamped|propped|glued|jammed|pinned)(?: (?:over|down|"
            r"back|up|shut|open|closed))",
            r"(?:taping|tying|zip ?tying|strapping|wedging|clamping|propping|gluing)",
        ),
        (r"force(?: on| off)?(?! (?:sensor|limit|torque|gauge)s?\b)", r"forced(?: on| off| true| high)?", r"forcing"),
        (r"un ?wire", r"unwired", r"unwiring"),
        (r"dis ?engage", r"disengaged", r"disengaging"),
        (r"de ?feat|nullify|knock out|render ineffective", r"nullified", r"nullifying"),
    )
)
#: Verbs that are also part of honest work under lock-out.
WEAK: Final = tuple(
    (base, past, ing)
    for base, past, ing in (
        (r"remove", r"removed", r"removing"),
        (r"dis ?connect|un ?plug|un ?clip|detach", r"disconnected|unplugged|detached", r"disconnecting|unplugging"),
        (
            r"dismantle|take off|take away|rip out|pull out",
            r"dismantled|taken off|taken away",
            r"dismantling|taking off",
        ),
        (
            r"ignore|skip|disregard|omit|dispense with",
            r"ignored|skipped|disregarded|omitted",
            r"ignoring|skipping|omitting",
        ),
        (r"block|cover(?: over| up)?|obstruct", r"blocked|covered", r"blocking|covering"),
        (r"un ?install|stop|kill", r"uninstalled|stopped|killed", r"uninstalling|stopping|killing"),
        (r"cut", r"cut", r"cutting"),
        (
            r"weld|hold in|hold down|hold closed|hold shut|hold open|press permanently",
            r"welded|held (?:in|down|closed|shut|open)",
            r"holding (?:in|down|closed|shut|open)",
        ),
    )
)

#: Things that defeat a device where somebody fits them: always with an article or a number, as nouns are.
TOOL: Final = (
    r"(?:an?|the|some|one|two|any|short|temporary|piece of|another|spare) (?:\w+ ){0,2}?(?:jumpers?|bridges?|"
    r"by ?pass|shunts?|wire links?|links?|loops?|"
    r"paper ?clips?|magnets?|wedges?|dummy plugs?|dummy (?:actuators?|keys?)|spare (?:actuators?|keys?|"
    r"tongues?)|(?:cable|zip) ?ties?|tape|"
    r"coins?|wires?|cables?|override|clamps?|screws?|resistors?|bolts?|nails?)|jumpers?|jumper wires?|tape|"
    r"wire links?|magnets?"
)
FIT: Final = (
    r"(?:fit|put|place|install|insert|connect|add|lay|attach|apply|use|set|stick|clip|run|wire|solder|make|"
    r"plug|slide|leave|keep|push|wrap|build)"
)
FITTED: Final = (
    r"(?:fitted|put|placed|installed|inserted|connected|added|attached|applied|used|set|stuck|clipped|wired|"
    r"soldered|made)"
)
OVER: Final = r"(?:across|between|on|over|around|in|into|to|for|at|from|under|of|where|past|instead)"

#: Words that begin another thought behind "and".
ORDINARY: Final = _any(
    *[
        "check",
        "inspect",
        "clean",
        "test",
        "measure",
        "look",
        "replace",
        "verify",
        "tell",
        "call",
        "read",
        "align",
        "compare",
        "reset",
        "wait",
        "report",
        "close",
        "open",
        "see",
        "make",
        "restart",
        "note",
        "find",
        "ask",
        "keep",
        "stop",
        "repair",
        "exchange",
        "tighten",
        "watch",
        "observe",
        "examine",
        "review",
        "confirm",
        "record",
        "restore",
        "enable",
        "reconnect",
        "reinstall",
        "renew",
        "swap",
        "contact",
        "inform",
        "adjust",
        "try",
        "let",
        "go",
    ]
)
PREPOSITION: Final = _any(
    *[
        "from",
        "on",
        "in",
        "at",
        "to",
        "with",
        "before",
        "for",
        "while",
        "when",
        "after",
        "by",
        "via",
        "near",
        "behind",
        "under",
        "until",
        "if",
        "because",
        "during",
        "without",
        "using",
        "through",
        "since",
        "as",
        "into",
        "onto",
        "so",
        "where",
        "whether",
        "against",
        "about",
    ]
)
RUN: Final = (
    r"(?:runs?|restarts?|re ?starts?|so that|continue|resume|operates?|starts?|produc\w+|go on|carry on|"
    r"keep (?:running|producing|going)|finish the (?:shift|order|batch)|for the (?:shift|rest|time being)|"
    r"temporar\w+|until (?:the )?(?:spare|part|maintenance|repair|replacement|monday|shift|end)\w*|production)"
)
CAREFUL: Final = (
    r"(?:lock ?out|locked out|tag ?out|isolat\w+|de ?energi[sz]\w+|power(?:ed)? (?:is )?off|voltage free|"
    r"machine stopped|stopped and locked)"
)
RISKY_STATE: Final = (
    r"(?:running|runs|moving|moves|rotating|rotates|turning|turns|in motion|in operation|in production|"
    r"on the move|cycling|cycles|spinning|spins)"
)
MACHINE: Final = (
    r"(?:machines?|belts?|conveyors?|press(?:es)?|rollers?|rolls?|gears?|spindles?|shafts?|fans?|blades?|"
    r"robots?|motors?|drives?|chains?|pulleys?|mixers?|agitators?|augers?|screws?|lines?|saws?|axis|axes|"
    r"pumps?|cutters?|knives|chucks?|equipment|parts?|mechanisms?|cells?)"
)
