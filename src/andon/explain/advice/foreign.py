"""The words of forbidden advice in the other languages of the playbook's glossary, and Chinese.

Word order differs too much for rules of their own: here an order (infinitive, imperative, or a participle behind "can
be") and a device in one clause are advice, unless that clause has a word that turns it round.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class _Language(NamedTuple):
    """``orders`` are infinitives and imperatives, ``done`` participles, ``may`` what makes an order of a participle."""

    orders: re.Pattern[str]
    done: re.Pattern[str]
    may: re.Pattern[str]
    devices: re.Pattern[str]
    watches: re.Pattern[str]
    computers: re.Pattern[str]
    turned: re.Pattern[str]


def _language(*parts: str) -> _Language:
    return _Language(*(re.compile(rf"(?<!\w)(?:{part})(?!\w)") for part in parts))


_LANGUAGES = {
    "de": _language(
        r"(?:zu )?uberbrucken?|(?<!nach )brucken(?! stecker)|(?:zu )?umgehen?|ausser (?:kraft|funktion|"
        r"betrieb) (?:zu )?setzen|"
        r"setzen? (?:\w+ ){1,6}ausser (?:kraft|funktion|betrieb)|(?:zu )?deaktivieren?|(?:ab|aus)(?:zu)?schalten|"
        r"schalten? (?:\w+ ){1,6}(?:ab|aus|stumm)|kurz(?:zu)?schliessen|schliessen? (?:\w+ ){1,5}kurz|"
        r"aus(?:zu)?hebeln|(?:zu )?manipulieren?|"
        r"still(?:zu)?legen|(?:ab|zu)kleben|kleben? (?:\w+ ){1,5}(?:ab|zu)|fest(?:zu)?binden|binden? (?:\w+ )"
        r"{1,5}fest|unwirksam (?:zu )?machen|"
        r"(?:zu )?uberlisten?|ab(?:zu)?klemmen|klemmen? (?:\w+ ){1,5}ab|(?:zu )?unterdrucken?|stumm(?:zu)?schalten|"
        r"(?:brucke|drahtbrucke|jumper|magnet(?:en)?|klebeband|kabelbinder) (?:\w+ ){0,8}(?:setzen|legen|"
        r"einbauen|einlegen|anbringen|stecken|einsetzen)|"
        r"(?:setzen?|legen?|bauen?|stecken?|verwenden?|benutzen?|nehmen?) (?:\w+ ){0,4}(?:brucke|drahtbrucke|"
        r"jumper|magnet(?:en)?|klebeband|kabelbinder)",
        r"uberbruckt|gebruckt|umgangen|deaktiviert|abgeschaltet|ausgeschaltet|kurzgeschlossen|ausgehebelt|stillgelegt|"
        r"abgeklebt|uberlistet|manipuliert|abgeklemmt|ausser (?:kraft|funktion|betrieb) gesetzt|unterdruckt|"
        r"(?:brucke|jumper|magnet) (?:\w+ )?(?:gesetzt|eingelegt|gesteckt)",
        r"(?:kann|konnen|soll|sollte|sollten|muss|mussen|darf|durfen)\b.*\bwerden|lassen",
        r"\w*lichtvorh[aa]ng\w*|\w*lichtgitter\w*|\w*lichtschranke\w*|schutz(?:tur|gitter|haube|feld|"
        r"einrichtung|zaun|vorrichtung|abdeckung)\w*|"
        r"tur(?:schalter|kontakt|verriegelung|uberwachung|sensor|endschalter)\w*|\w*verriegelung\w*|"
        r"zuhaltung\w*|not ?(?:aus|halt)\w*(?: \w*(?:kreis|taster|schalter|relais))?|"
        r"sicherheits(?!abstand|datenblatt|schuh|brille|hinweis|beauftragt|fachkraft|grund|unterweisung|regel|"
        r"techniker)\w+|"
        r"zweihand\w*|zustimm\w*|laserscanner\w*|flammen(?:wachter|uberwachung)\w*|\w*(?:temperatur|druck|"
        r"drehzahl)(?:begrenzer|wachter)\w*|"
        r"uberdrehzahl\w*|\w*endschalter\w*|motorschutz\w*|totmann\w*|(?:brand|rauch|gas)(?:melder|warn)\w*|"
        r"uberlast(?:schutz|relais)\w*|schutzschalter\w*|"
        r"schaltmatte\w*|trittmatte\w*",
        r"\w*alarme?n?|\w*uberwachung\w*|schutzfunktion\w*|\w*storabschaltung\w*|storungsmeldungen|"
        r"\w*sicherung(?:en)?(?! des)",
        r"\w*firewall|vire?n(?:scanner|schutz)\w*|antivirus\w*|authentifizierung|zertifikatsprufung",
        r"nicht|nie|niemals|keine?\w{0,2}|ohne|weder|statt|anstatt|verboten|unzulassig|untersagt|niemand|ob|"
        r"wer|warum|versuch\w*|fordert|verlangt|"
        r"aufforder\w*|gefahrlich|vermeiden|das uberbrucken|des uberbruckens|entfernen",
    ),
    "fr": _language(
        r"ponter|pontez|shunter|shuntez|court circuite[rz]|contourne[rz]|neutralise[rz]|desactive[rz]|"
        r"inhibe[rz]|by ?passe[rz]|"
        r"supprime[rz]|masque[rz]|coupe[rz]|debranche[rz]|deconnecte[rz]|mettre hors service|mettez hors service|"
        r"(?:mett(?:re|ez)|place[rz]|pose[rz]|installe[rz]|utilise[rz]) (?:un|une) (?:pont|shunt|cavalier|"
        r"strap|aimant|fil|bride)",
        r"pontee?s?|shuntee?s?|court circuitee?s?|contournee?s?|neutralisee?s?|desactivee?s?|inhibee?s?|by ?passee?s?",
        r"(?:peut|peuvent|doit|doivent|devrait|devraient|faut)\b.*\betre",
        r"barrieres? (?:immaterielles?|lumineuses?|optiques?|de securite)|rideaux? (?:lumineux|immateriels?|"
        r"optiques?)|arrets? d ?urgence|"
        r"\w+ de (?:securite|protection|porte)|protecteurs?|verrouillages?|interverrouillages?|"
        r"commandes? bimanuelles?|carters?|scrutateurs?|"
        r"soupapes?|limiteurs?|pressostats? de securite|detecteurs? de (?:flamme|gaz|fumee)|fins? de course",
        r"alarmes?|surveillances?|protections?",
        r"pare ?feu|anti ?virus|firewall|authentification",
        r"ne|n|pas|jamais|sans|interdit\w*|personne|aucune?|si|qui|dangereu\w*|tent\w+|eviter?|evitez|demande|"
        r"retire[rz]",
    ),
    "es": _language(
        r"puente(?:ar|e|a)|anul(?:ar|e|a)|desactiv(?:ar|e|a)|eludir|eluda|inhib(?:ir|a)|deshabilit(?:ar|e|a)|"
        r"burl(?:ar|e)|cortocircuit(?:ar|e)|"
        r"bypassear|omit(?:ir|a)|apag(?:ar|ue)|desconect(?:ar|e)|silenci(?:ar|e)|puentearl[oa]|"
        r"(?:poner|ponga|colocar|coloque|instalar|instale|hacer|haga|usar|use) (?:un|una) (?:puente|jumper|iman|cable)",
        r"puentead[oa]s?|anulad[oa]s?|desactivad[oa]s?|inhibid[oa]s?|deshabilitad[oa]s?|eludid[oa]s?|burlad[oa]s?",
        r"(?:puede|pueden|debe|deben|deberia|deberian|conviene)\b.*\bser",
        r"cortinas? (?:de luz|de seguridad|fotoelectricas?|opticas?)|barreras? (?:de luz|de seguridad|"
        r"fotoelectricas?|inmateriale?s?|opticas?)|"
        r"paradas? de emergencia|setas? de emergencia|\w+ de seguridad|resguardos?|enclavamientos?|"
        r"\w+ de (?:la )?puerta|mandos? bimanual\w*|"
        r"valvulas? de alivio|limitador\w*|final(?:es)? de carrera|detector\w* de (?:llama|gas|humo)",
        r"alarmas?|supervision|protecci(?:on|ones)",
        r"cortafuegos|firewall|antivirus|autenticacion",
        r"no|nunca|jamas|sin|evite|evitar|prohibid\w+|nadie|ningun\w*|si|quien|peligros\w+|intent\w+|retir\w+",
    ),
    "it": _language(
        r"ponticell(?:are|i|a)|bypass(?:are|i|a)|esclu(?:dere|da|di)|disattiv(?:are|i|a)|disabilit(?:are|i|a)|"
        r"cavallott(?:are|i|a)|aggir(?:are|i)|"
        r"elu(?:dere|da|di)|inib(?:ire|isca|isci)|cortocircuit(?:are|i)|spegnere|spenga|scolleg(?:are|hi)|"
        r"neutralizz(?:are|i)|"
        r"(?:mettere|metta|inserire|inserisca|installare|collegare|fare|faccia|usare|usi) (?:un|una)"
        r" (?:ponticello|ponte|cavallotto|calamita|filo)",
        r"ponticellat[oaei]|bypassat[oaei]|esclus[oaei]|disattivat[oaei]|disabilitat[oaei]|cavallottat[oaei]|"
        r"aggirat[oaei]|elus[oaei]|inibit[oaei]",
        r"(?:puo|possono|deve|devono|dovrebbe|potrebbe)\b.*\bessere",
        r"barrier[ae] (?:fotoelettric\w+|luminos\w+|ottic\w+|immaterial\w+|di sicurezza)|arrest[oi] (?:di|d)"
        r" ?emergenza|puls\w+ (?:di|d) ?emergenza|"
        r"\w+ di sicurezza|ripar[oi]|interblocc\w+|\w+ (?:della |di )?porta|comand\w+ bimanual\w+|fine ?corsa|"
        r"limitator\w+|rilevator\w+ di (?:fiamma|gas|fumo)",
        r"allarm[ei]|protezion[ei]|sorveglianza|monitoraggio",
        r"firewall|antivirus|autenticazione",
        r"non|mai|senza|vietat\w+|evitare|nessun\w*|se|chi|pericolos\w+|tent\w+|rimuov\w+|togli\w+",
    ),
    "pt": _language(
        r"jumpe(?:ar|ie)|ponte(?:ar|ie)|burl(?:ar|e)|desativ(?:ar|e)|anul(?:ar|e)|contorn(?:ar|e)|inib(?:ir|a)"
        r"|desabilit(?:ar|e)|deslig(?:ar|ue)|"
        r"by ?pass(?:ar|e|ear)|curto circuit(?:ar|e)|ignor(?:ar|e)|desconect(?:ar|e)|"
        r"(?:colocar|coloque|instalar|instale|fazer|faca|usar|use) (?:um|uma) (?:jumper|ponte|ima|fio)",
        r"jumpead[oa]s?|burlad[oa]s?|desativad[oa]s?|anulad[oa]s?|contornad[oa]s?|inibid[oa]s?|"
        r"desabilitad[oa]s?|desligad[oa]s?",
        r"(?:pode|podem|deve|devem|deveria)\b.*\bser",
        r"cortinas? de luz|barreiras? (?:de luz|opticas?)|paradas? de emergencia|botao de emergencia|"
        r"\w+ de seguranca|intertravament\w+|"
        r"\w+ da porta|comandos? bimanua\w+|fim de curso|valvulas? de alivio|limitador\w*",
        r"alarmes?|protec(?:ao|oes)|supervisao|monitoramento",
        r"firewall|antivirus|autenticacao",
        r"nao|nunca|sem|jamais|proibid\w+|evite|evitar|ninguem|nenhum\w*|se|quem|perigos\w+|tent\w+|remov\w+",
    ),
}  # fmt: skip
#: Only parts that people unite with "or" share one "not".
_UNITED = re.compile(r"\b(?:oder|noch|ou|ni|oder auch|o|e|und|et|y)\b")
#: Orders that are given every day for machines and their supply.
_EVERYDAY = re.compile(
    r"(?:ab|aus)|schalt|klemm|coupe|debranche|deconnecte|supprime|apag|desconect|spegn|spenga|scolleg|deslig|"
    r"desconect|omit|ignor"
)
_PURPOSE = re.compile(r"\b(?:um|damit|para|pour|per|por|puis|luego|poi|depois|despues|dann)\b")
_CLAUSE = re.compile(r"[,()]|\b(?:avant|antes|prima|bevor|wenn|falls|weil|quand|cuando|quando|jusqu)\b")
_CHINESE = re.compile(
    r"(?:短接|跨接|旁路|屏蔽|拆除|绕过|绕开|禁用|停用|关闭|取消|切除|拆掉|强制)[^。；，！？]{0,12}"
    r"(?:光幕|光栅|安全|急停|联锁|连锁|门开关|防护|保护|报警|防火墙|杀毒)"
    r"|(?:光幕|光栅|安全门|安全继电器|安全回路|急停|联锁|门开关|防护门|保护装置|防火墙)[^。；，！？]{0,6}(?:短接|跨接|旁路|屏蔽|拆除|绕过|禁用|停用|取消|关闭掉|关掉)"
)
_CHINESE_TURNED = re.compile(
    r"不要|不得|禁止|切勿|严禁|请勿|不可|勿|不能|是否|有没有|不应|避免|没有|未被|被人|曾|已被|检查"
)


def found(text: str, told: bool) -> Iterator[tuple[str, str]]:
    """(kind, words) of each forbidden order in a sentence of plain text: ``device``, ``watch`` or ``computer``."""
    yield from _in_chinese(text)
    if not text.isascii() and not any(c.isascii() and c.isalpha() for c in text):
        return
    clauses = [clause.strip() for clause in _CLAUSE.split(text)]
    for words in _LANGUAGES.values():
        for at, clause in enumerate(clauses):
            if words.turned.search(clause):
                continue
            for order in _orders(words, clause):
                if at and _shares_not(words, clauses[:at], clause):
                    continue
                kind = _kind(words, clause, order)
                if kind is not None:
                    yield kind, clause


def _orders(words: _Language, clause: str) -> list[re.Match[str]]:
    orders = list(words.orders.finditer(clause))
    return orders + list(words.done.finditer(clause)) if words.may.search(clause) else orders


def _shares_not(words: _Language, earlier: list[str], clause: str) -> bool:
    """Whether a "not" of an earlier clause still holds: a list of orders, the last behind "or"."""
    return bool(_UNITED.search(clause)) and any(
        words.turned.search(one) and words.orders.search(one) for one in earlier
    )


def _kind(words: _Language, clause: str, order: re.Match[str]) -> str | None:
    """What the order is for. A machine is switched off every day: then nothing else may stand between."""
    most = 3 if _EVERYDAY.match(order[0]) else 9
    for kind, pattern in (("device", words.devices), ("computer", words.computers), ("watch", words.watches)):
        for thing in pattern.finditer(clause):
            if thing.start() >= order.start() and thing.end() <= order.end():
                return kind
            between = (
                clause[order.end() : thing.start()]
                if thing.start() >= order.end()
                else clause[thing.end() : order.start()]
            )
            apart = (most == 3 and _UNITED.search(between)) or _PURPOSE.search(between)
            if len(between.split()) <= most and not apart:
                return kind
    return None


def _in_chinese(text: str) -> Iterator[tuple[str, str]]:
    for order in _CHINESE.finditer(text):
        before = re.split(r"[。；，！？,;!?]", text[: order.start()])[-1]
        if not _CHINESE_TURNED.search(before):
            yield ("computer" if re.search("防火墙|杀毒", order[0]) else "device"), order[0]
