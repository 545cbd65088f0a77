"""What a few words say of the state of an alarm, in the languages and abbreviations of alarm systems. Pure.

How sure a word is decides where it counts: ``firing`` is about an alarm in any field of a state, ``reset`` beside a
code, ``closed`` beside an alarm's name, and ``fault`` only in a field that is about alarms and nothing else.
"""

from __future__ import annotations

import functools
import re
from typing import Literal

import msgspec

from andon.core.text import unaccented

#: Where words count: in any field of a state, beside a code, beside the name of an alarm, in a field of alarms alone;
#: NOWHERE is where something else has a state.
NOWHERE, ANYWHERE, CODED, NAMED, ALARMS = range(-1, 4)
_Kind = Literal["raised", "cleared", "weak", "acked", "unacked", "aside", "not", "filling"]

# Folded as texts are: small letters without accents. Pieces of Chinese, Japanese and Korean are found inside a word.
_TABLE: tuple[tuple[_Kind, int, str], ...] = (
    ("raised", ANYWHERE, """active raised coming incoming came annunciated triggered firing fired alerting
        kommt kommend gekommen kommen apparu apparue apparait apparition insorto insorta"""),
    ("raised", CODED, """set occurred occurrence occurs appeared arrived problem trigger activated reopened aktiv
        aktiviert ausgelost ausgeloest anstehend ansteht angekommen actif declenche declenchee attivo attiva
        attivato attivata comparso comparsa entrato activo activa activado activada aparecido aparecida ocurrido
        ativo ativa ativado actief opgekomen aktywny aktif aktivni aktivt активен активна активно активный сработал
        сработала возникла возник появился 发生 發生 激活 触发 觸發 产生 產生 出现 上线 発生 発報 アクティブ 발생
        활성"""),
    ("raised", NAMED, """on alm act inalarm alarming open opened create created start started begin began present
        ein offen beginn inicio inizio debut 报警中 告警中 警報中"""),
    ("weak", NAMED, """alarm alarme allarme alarma 报警 報警 告警 警报 警報 アラーム 경보 알람"""),
    ("weak", ALARMS, """fault faulted warning warn error err critical crit major minor down unreachable storung
        stoerung fehler 故障 異常 异常"""),
    ("cleared", ANYWHERE, """cleared clear gone going went returned rtn inactive normal rtnun outgoing resolved
        recovered deactivated geht gehend gegangen disparu disparue disparait disparition rientrato rientrata
        rientro"""),
    ("cleared", CODED, """reset recovery recover restored resolve rearmed disappeared departed ceased behoben
        inaktiv beseitigt zuruckgesetzt verschwunden inactif inactive rearme rearmee resolu resolue normale inattivo
        inattiva disattivato disattivata cessato cessata risolto risolta ripristinato scomparso inactivo inactiva
        desactivado desactivada finalizado finalizada desaparecido desaparecida resuelto resuelta normalizado
        normalizada inativo inativa desativado resolvido inactief verdwenen opgelost hersteld nieaktywny neaktivni
        pasif aterstalld aterstallt неактивен неактивна снят снята сброшен сброшена устранен устранена норма 恢复
        恢復 消除 清除 解除 消失 复位 復位 复归 復歸 正常 结束 復帰 復旧 回復 消去 リセット
        해제 복구 소거 정상 복귀"""),
    ("cleared", NAMED, "off ok norm nr inact good up close closed end ended absent aus geschlossen ende fin fine"),
    ("acked", ANYWHERE, """ack acked acknowledged acknowledge acknowledgement acknowledgment quittiert quittierung
        quittieren acquitte acquittee acquittement riconosciuto riconosciuta tacitato tacitata reconocido reconocida
        reconhecido geaccepteerd bevestigd квитирован квитирована квитировано подтвержден подтверждена 确认 確認 已读
        확인"""),
    ("acked", CODED, "confirmed confirmado confirmada confermato confermata bestatigt bestaetigt"),
    ("unacked", ANYWHERE, "unack unacked unacknowledged unackd unquittiert unconfirmed nack"),
    ("aside", CODED, "shelved unshelved timedshelved oneshotshelved suppressed unsuppressed"),
    ("aside", NAMED, "disabled enabled"),
    ("not", ANYWHERE, "not non no un nicht kein nie ne pas sin niet не 未 不 沒 没 미"),
    ("filling", ANYWHERE, """return to and the in is has been now state condition event retour la le der die
        ist zu al alla a з 状态 狀態 状態 了 已 中 済 済み 상태 됨"""),
)  # fmt: skip
# WinCC writes letters: kommt, geht, quittiert; came, departed, acknowledged; incoming, outgoing, acknowledged.
_LETTERS = {"K": "came", "G": "gone", "Q": "ack", "C": "came", "D": "gone", "A": "ack", "I": "came", "O": "gone"}
_ABBREVIATED = re.compile(r"K?Q?G?Q?|CA?D?A?|IA?O?A?|[DAO]")

_TEXT = re.compile(r"\btext\s*[:=]\s*['\"]?([^'\")}]*)", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PHRASES = re.compile(r"\b(?:in|en|im)[ _]?(?:alarme?|alarma|allarme)\b|\bsteht an\b")
_WAITING = re.compile(r"\bwait(?:ing)?[ _]?for[ _]?(?:confirmation|acknowledge?ment|ack)\b")
_RUN = re.compile(r"[^\W\d_]+")
_TEXT_MAX, _WORDS_MAX, _PIECE_MAX = 120, 6, 7


class Said(msgspec.Struct, frozen=True):
    """What words say: active or over, acknowledged or not (None: nothing), and where that counts at the least.

    ``aside`` is what says neither: a person put the alarm aside, or took it back.
    """

    active: bool | None
    acknowledged: bool | None
    needs: int
    aside: bool = False


_WORDS: dict[str, tuple[_Kind, int]] = {
    word: (kind, needs) for kind, needs, words in reversed(_TABLE) for word in unaccented(words).split()
}


def understood(text: str) -> Said | None:
    """What ``text`` says of an alarm's state; None where it is not all words of states."""
    return None if len(text) > _TEXT_MAX else _understood(text)


@functools.lru_cache(maxsize=4096)
def _understood(text: str) -> Said | None:
    if wrapped := _TEXT.search(text):  # a LocalizedText as OPC UA's libraries print it
        text = wrapped[1]
    if letters := abbreviated(text):
        said = _said([_LETTERS[letter] for letter in letters])
        sure = len(letters) > 1 and letters[0] in "KQG"  # CA and IA are states too
        return said and Said(said.active, said.acknowledged, CODED if sure else NAMED)
    return _said(_tokens(text))


def abbreviated(text: str) -> str:
    """The letters of a state that is written in letters; empty where it is not."""
    letters = text.strip().upper()
    return letters if 0 < len(letters) <= 4 and _ABBREVIATED.fullmatch(letters) else ""


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    for word in _RUN.findall(_WAITING.sub("unacked", _PHRASES.sub("inalarm", unaccented(_CAMEL.sub(" ", text))))):
        found += [word] if word.isascii() or word in _WORDS else _pieces(word)
        if len(found) > _WORDS_MAX:
            break
    return found


def _pieces(word: str) -> list[str]:
    """The known pieces of a word without blanks, the longest first; what is not known ends the list."""
    found = []
    while word:
        piece = next((word[:size] for size in range(min(_PIECE_MAX, len(word)), 0, -1) if word[:size] in _WORDS), word)
        found.append(piece)
        word = word[len(piece) :]
    return found


def _said(words: list[str]) -> Said | None:
    """The last word that says something wins (``RaisedCleared``, ``Incoming/Outgoing``); ``alarm`` only where no other
    does, and nobody acknowledged. Beside another word it says what that is about (``Alarm reset``)."""
    active: bool | None = None
    acked: bool | None = None
    weak: tuple[bool, int] | None = None
    needs, negated, aside = ANYWHERE, False, False
    if len(words) > _WORDS_MAX:
        return None
    for word in words:
        if word not in _WORDS:
            return None
        kind, least = _WORDS[word]
        if kind == "filling":
            continue
        if kind == "weak":
            weak = not negated, least
        elif kind in ("raised", "cleared"):
            active, needs = (kind == "raised") != negated, max(needs, least)
        elif kind == "aside":
            aside, needs = True, max(needs, least)
        elif kind in ("acked", "unacked"):
            acked, needs = kind == "acked" and not negated, max(needs, least)
        negated = kind == "not"
    if active is not None and acked is not None:  # UNACK_ALM, ACK_RTN: nothing else is said so
        return Said(active, acked, ANYWHERE)
    if weak is not None and weak[1] == NAMED:
        needs = ANYWHERE
    if active is None and not acked:
        if aside:
            return Said(None, None, needs, aside=True)
        if acked is False:
            weak = True, max(weak[1] if weak else NAMED, NAMED)
        if weak is not None:
            active, needs = weak
    return None if active is acked is None else Said(active, acked, needs)
