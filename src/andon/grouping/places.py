"""Places: whether a word of a text may be a name that varies, or names what is wrong.

``user alice logged out`` and ``drive fault OCF on line 3`` have the same form; what stands around the word tells them
apart. Position, punctuation and the form of the word decide first; the words that introduce a reason or a name are
structure, known in five languages. In doubt a word is no name: a second explanation costs a call, a wrong one trust.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum

from andon.core.remembered import remembered
from andon.grouping.fault_words import FAULT_WORDS, names_fault, out_of_range, tells_fault
from andon.grouping.mask import HOLE, IDENTITY


class Place(IntEnum):
    """What may stand in a place, from what never varies to what surely does."""

    FIXED = 0
    #: The subject of the sentence: "valve overheated", seldom "alice logged out".
    SUBJECT = 1
    #: Amid the sentence, with nothing that says what it is.
    PLAIN = 2
    #: Behind an equals sign or "from", in quotes.
    MARKED = 3
    #: Behind the word for a kind of thing: queue, host, file.
    NAME = 4
    #: Behind the word for a kind of person; in quotes behind that for a thing.
    PERSON = 5
    #: A code field of the context.
    FIELD = 6


def _words(text: str) -> frozenset[str]:
    return frozenset(text.casefold().split())


_PERSONS = _words(
    """user username usr operator account login logname ruser uid owner author employee customer client person member
    supplier recipient sender vendor patient student admin administrator worker technician benutzer anwender nutzer
    bediener kunde mitarbeiter lieferant konto werker utilisateur opérateur usager compte fournisseur usuario
    operador operario cuenta cliente proveedor utente operatore fornitore 用户 用戶 操作员 ユーザー ユーザ 사용자
    작업자
"""
)
_THINGS = _words(
    """host hostname rhost server node peer broker address addr ip domain name workstation computer pod container
    namespace cluster deployment queue topic channel stream exchange consumer subscriber publisher subscription
    producer group role table schema database db collection bucket dataset file filename folder directory dir path
    share volume mount export library package archive document record tag variable recipe program job order
    property setting cache relation
    session thread plugin model project repository repo branch tenant site realm ssid bssid report template rule
    policy profile partition registry calendar agent logger certificate shop mailbox rechner knoten warteschlange
    thema kanal tabelle datenbank datei ordner verzeichnis pfad freigabe laufwerk archiv schlüssel rezept programm
    auftrag sitzung projekt bericht lager hôte serveur nœud sujet base fichier dossier répertoire partage recette
    programme ordre lot projet rapport servidor nodo cola tema tabla archivo fichero carpeta directorio receta
    programa orden lote proyecto informe coda argomento tabella cartella percorso ricetta programma ordine lotto
    progetto rapporto 主机 队列 文件 表 ホスト キュー ファイル 호스트 큐 파일 index view
"""
)
# Things that have faults of their own: "printer jammed", but "printer zebra is out of paper".
_BODIES = _words(
    """machine device part product article image printer screen agv batch material slot macchina maschine gerät
    artikel produkt drucker imprimante produit equipo artículo producto impresora articolo prodotto stampante
    charge pallet robot roboter key field column
"""
)
# What stands behind one of these is what happened, or how things stand.
_REASONS = _words(
    """failed fail fails failure failing error errors err fault faults faulted alarm alarms warning alert reason
    cause caused causes because status state substate condition code result outcome verdict due exception trip
    trips tripped tripping errno returned returns return reports reported reporting said says signals exit exited
    ended aborted abort halted halt stopped stops killed rejected rejects refused mode level type kind class
    category severity phase signal action command event response answer message msg detail details description
    text hint explanation diagnosis symptom problem issue detected found seen raised raises triggered triggers
    shows indicates invalid unknown bad missing wrong unexpected illegal unsupported corrupt damaged broken
    expired no lost empty insufficient excessive defective direction color colour side limit sqlstate hresult
    interlock stop shutdown crash panic fatal service unit daemon process module component subsystem driver
    function method feature check test step sensor motor valve pump axis joint zone lamp door conveyor drive
    fehler störung stoerung ursache grund zustand wegen aufgrund durch meldung ergebnis ausnahme warnung ausgelöst
    ausgeloest fehlgeschlagen gescheitert gestört defekt meldet modus stufe art befehl antwort hinweis ereignis
    dienst prozess baustein erreur défaut defaut raison motif état etat statut alarme avertissement résultat
    resultat échec echec échoué réponse niveau déclenché fallo falla causa motivo razón razon estado alarma aviso
    resultado debido fallido código codigo modo nivel respuesta mensaje excepción errore guasto ragione stato
    allarme avviso risultato dovuto fallito codice modalità livello risposta messaggio eccezione anomalia avaria
    ошибка авария причина 故障 报警 错误 原因 状态 異常 エラー アラーム 状態 오류 고장 경보 원인 상태 op cmd
    operation stage task flag trigger info note comment remark diag trap evt rc ret res rsn stat sts
"""
)
# Nothing but a state, a property or a verb follows these.
_BEFORE_PREDICATES = _words(
    """is was are were be been being has have had not never no too very still now already again fully partly can cannot
    could would should may might must will shall did does do didn't doesn't can't couldn't gets got becomes became
    remains remained stays stayed goes went turns turned the a an its their this that any all every another more
    less and or nor but if when while after before during until since than ist war sind waren wird wurde wurden hat
    hatte nicht kein keine zu noch schon der die das den dem des ein eine einen einem einer und oder bei est était
    sont a été pas non trop le la les l un une des du au aux et ou es está estaba son fue ha sido no muy el la los
    las un una y o al del è era sono stato stata non troppo il lo la i gli le un uno una e o del della al alla
"""
)
# What stands behind one of these is as often a name as not; a word of a reason before them decides.
_MARKERS = _words("for from by für von vom pour par por para per da durch")
# "operator assistance needed"
_NEEDED = _words("needed required necessary requested erforderlich nötig requis requise necesario richiesto")
# Behind "user" these say what is wrong, where any other listed word is what somebody is called.
_NO_NAMES = _words(
    """unknown missing error errors failure fault invalid timeout lookup creation deletion registration lockout login
    logout authentication authorization permission session password name service alarm communication process"""
)
_FROM, _TO = _words("from von aus de da"), _words("to nach zu a à")
_LINKS = _words("with of on in at as to into onto through via mit auf an im am zu zum zur de di en con a su")
# "connection to mesdb", but "failed to start", "changed to idle".
_LINKED_TO = _words(
    """connection connections connect connected connecting reconnect link linked login logon access route routed
    message request bound mapped assigned sent send subscribed published copied written uploaded downloaded
    verbindung zugriff zugang verbunden connexion accès conexión acceso connessione accesso
"""
)
# By these a machine is stopped; a person does not trip a motor.
_UNDONE = _words(
    """waiting wait waited warten wartet attente esperando attesa completed finished marked classified flagged
    stopped tripped caused blocked interrupted opened halted aborted locked inhibited limited triggered shut
    recovered changed switched transition went moved gestoppt ausgelöst blockiert verursacht unterbrochen arrêté
    causé bloqué interrompu detenido causado bloqueado interrumpido fermato causato bloccato interrotto
"""
)

_OPENING, _CLOSING = "\"'`[({<«“„‘", "\"'`])}>»”“’"
_PARTS = re.compile(r"[^\W\d_]+?(?=[A-Z][a-z]|[\W\d_]|$)")
_SENTENCE_END = re.compile(r"[.;|!?]\s|,\s")
# A code, an exception or the name of an error number is identity: such a word is never a value. Neither is a unit of
# systemd, nor any token of a script without spaces, where a token can be a sentence.
_IDENTITY = re.compile(
    r".*\d|.*(?:Exception|Error|Fault)$|E[A-Z]{3,14}$|SIG[A-Z]{2,8}$"
    r"|.*\.(?:service|socket|target|timer|mount|automount|slice|scope|swap|path|device)$"
    r"|.*[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f]"
)
_LAST_PART = re.compile(r"[.@/$]").split
# "file deleted", "Datei kopiert", "fichier renommé", "file eliminato": what was done to it, not its name.
_DONE = re.compile(r"(?!.*[.@/$]|.*data$)[^\W\d_A-Z][^\W\d_]{2,}(?:ed|iert|[^\W\d_]ée?s?|[aiu]t[oa]|[ai]d[oa])$").match
# A class in its package: what goes wrong has such a name where it is an exception.
_QUALIFIED = re.compile(r"(?!.*(?:[Ee]rrors?|[Ff]aults?|[Ee]xceptions?)\b)[a-z]\w*(?:\.\w+){2,}$").match
_CAMEL = re.compile(r".*[a-z][A-Z]|.*[A-Z]{2}[a-z]")
#: A dotted name, an address or a path is likelier a value than a word is.
dotted = re.compile(r"[^.@/$]+[.@/$]").match


def places(tokens: Sequence[str], text: str) -> bytes:
    """For each of ``tokens``, which stand in ``text`` in this order, its :class:`Place`."""
    gaps: list[str] = []
    position = 0
    for token in tokens:
        start = text.find(token, position)
        gaps.append(text[position:start] if start >= 0 else "")
        position = start + len(token) if start >= 0 else position
    gaps.append(text[position:])
    found = bytearray()
    explained = False  # behind "failed:" every word belongs to the reason, unless a name is announced
    for at, token in enumerate(tokens):
        if at and ":" in gaps[at] and _kind(tokens[at - 1]) == "reason":
            explained = True
        place = Place.FIXED if _is_identity(token) else _place(tokens, gaps, at)
        if at and found[-1] == Place.PERSON and _surname(tokens, gaps, at):
            place = Place.PERSON
        found.append(Place.FIXED if explained and place <= Place.PLAIN else place)
    return bytes(found)


def may_vary(word: str, place: int, *, sure: bool = False, proven: bool = False) -> bool:
    """Whether ``word`` can be one of the names that a place holds; ``sure`` where it is known to hold values too,
    ``proven`` where enough other names stood there: Amber is a name then, and a colour elsewhere."""
    if place >= Place.NAME and not sure and not _LAST_PART(word)[1:] and tells_fault(word):
        return False
    if proven and place == Place.PERSON and not _DONE(word) and word.casefold() not in _NO_NAMES:
        return True
    if sure and (place == Place.PERSON or len(word) < 4):  # of short words many mean several things
        return True
    if place >= Place.NAME:
        small = word.casefold()
        return small not in FAULT_WORDS and not out_of_range(small) and (place == Place.PERSON or not _DONE(word))
    last = _LAST_PART(word)[-1]
    if not sure and ((len(last) > 1 and last.isupper()) or (_CAMEL.match(last) and not _QUALIFIED(word))):
        return False
    return not names_fault(last)


def _surname(tokens: Sequence[str], gaps: Sequence[str], at: int) -> bool:
    """Whether the word behind a person's name is the second part of it, amid a sentence of small letters."""
    return (
        tokens[at - 1][0].isupper()
        and tokens[at].istitle()
        and gaps[at] == " "
        and at < len(tokens) - 1
        and tokens[at + 1][0].islower()
        and _kind(tokens[at]) == ""
    )


@remembered(16_384)
def _is_identity(token: str) -> bool:
    return bool(token == HOLE or len(token) < 2 or _IDENTITY.match(token) or IDENTITY.match(token))


def varies_with_others(word: str, place: int) -> bool:
    """Whether ``word`` stands where a name is announced and is none of the words that announce one ("for host …")."""
    return (
        Place.MARKED <= place < Place.FIELD
        and (place > Place.NAME or not _kind(word))
        and may_vary(word, place, proven=True)
    )


def _place(tokens: Sequence[str], gaps: Sequence[str], at: int) -> Place:
    before, after = gaps[at], gaps[at + 1]
    enclosed = before[-1:] in _OPENING and after[:1] in _CLOSING and before != "" and after != ""
    if tokens[at].count("/") > 1:  # a topic, a route: no word of a sentence
        return Place.NAME
    if at == 0:  # what stands before a colon, or in brackets at the start, is who speaks
        return Place.FIXED if enclosed or ":" in after or after[:1] in ("[", "(", "=") else Place.SUBJECT
    last = at == len(tokens) - 1
    previous = tokens[at - 1]
    kind = "" if _SENTENCE_END.search(before) else _kind(previous)
    if kind == "person" and not last and tokens[at + 1].casefold() in _NEEDED:
        return Place.FIXED
    if kind == "person" or (enclosed and kind == "thing" and before[-1] not in "([{"):
        return Place.PERSON
    if kind == "thing":
        # "host: alpha" names it, "answer of the host: timeout" does not.
        return Place.FIXED if last and ": " in before and at > 1 and gaps[at - 1].isspace() else Place.NAME
    if kind == "body":
        named = before.strip() or (not last and tokens[at + 1].casefold() in _BEFORE_PREDICATES)
        return Place.NAME if named else _at_end(tokens, gaps, at)
    if kind == "reason" and _QUALIFIED(tokens[at]) and before.isspace():
        return Place.PLAIN
    if kind == "reason" or (previous == HOLE and before.isspace()):
        return Place.FIXED
    if ":" in before:
        return Place.FIXED if before.endswith(": ") or last else Place.MARKED
    if "=" in before:
        return Place.MARKED
    if enclosed:
        return Place.FIXED if last and before[-1] in "([{" else Place.MARKED
    return _amid(tokens, gaps, at) if before.isspace() or before[-1:] in _OPENING else _at_end(tokens, gaps, at)


def _amid(tokens: Sequence[str], gaps: Sequence[str], at: int) -> Place:
    """The place of a word that only a space parts from the word before."""
    previous, earlier = tokens[at - 1].casefold(), tokens[at - 2].casefold() if at > 1 else ""
    if previous in _MARKERS:
        return Place.FIXED if earlier in _UNDONE else Place.MARKED
    if at > 3 and previous in _TO and tokens[at - 3].casefold() in _FROM and tokens[at - 4].casefold() not in _UNDONE:
        return Place.MARKED
    if previous in _LINKS and earlier in _LINKED_TO:
        return Place.MARKED
    if previous in _BEFORE_PREDICATES:
        return Place.FIXED
    if previous in _LINKS and (earlier in _UNDONE or _kind(earlier) == "reason" or previous == "to"):
        return Place.FIXED
    return _at_end(tokens, gaps, at)


def _at_end(tokens: Sequence[str], gaps: Sequence[str], at: int) -> Place:
    """The last word says what happened; so does one that is part of a compound: "encoder error", "torque limit"."""
    if dotted(tokens[at]):
        return Place.PLAIN
    if at == len(tokens) - 1 or (gaps[at + 1].isspace() and _kind(tokens[at + 1]) == "reason"):
        return Place.FIXED
    return Place.PLAIN


@remembered(16_384)
def _kind(token: str) -> str:
    """What a word says of the one behind it: "person", "thing", "body", "reason" or nothing."""
    whole = token.casefold()
    # "exit_reason", "srcHost": the last part counts.
    for word in (whole, *(part.casefold() for part in _PARTS.findall(token)[-1:])):
        if word in _REASONS:
            return "reason"
        if word in _PERSONS:
            return "person"
        if word in _THINGS:
            return "thing"
        if word in _BODIES:
            return "body"
    return ""
