"""Texts in any script: what a word is in Chinese, Japanese, Korean, Thai and others, and that one text has one form."""

from __future__ import annotations

import random
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.grouping import Fingerprinter
from andon.grouping.mask import IDENTITY, says, skeleton
from andon.grouping.writing import SEAM, plain

fingerprint = Fingerprinter()


def key(message: str) -> str:
    return fingerprint(message, "svc", None).key


def template(message: str) -> str:
    return fingerprint(message, "a service with a name", None).template


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("第3泵电机过热停机", "第<*>泵电机过热停机"),
        ("泵-17液位异常", "泵<*>液位异常"),
        ("PLC-1与HMI通信中断", "<*>与HMI通信中断"),
        ("液位１．２低于下限", "液位<*>低于下限"),
        ("Z轴原点丢失：位置12.5mm", "Z轴原点丢失:位置<*>"),
        ("ｼﾘﾝﾀﾞ3の戻り端未検出", "シリンダ<*>の戻り端未検出"),
        ("실린더3번 후진단 미검출", "실린더<*>번 후진단 미검출"),
        ("ปั๊ม ๓ ร้อนเกิน", "ปั๊ม <*> ร้อนเกิน"),
    ],
)
def test_number_in_a_sentence_is_the_only_hole(message: str, expected: str) -> None:
    """Signs on both sides of a number stay, whatever digits and widths it is written with."""
    assert template(message).removesuffix(" @ a service with a name") == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2号注塑机模温偏高", "２号注塑机模温偏高"),
        ("2号注塑机模温偏高", "14号注塑机模温偏高"),
        ("模温85度，超过上限80度", "模温92.5度,超过上限90度"),
        ("料号B-17缺料停线", "料号B-9缺料停线"),
        ("连接192.168.7.9:502超时", "连接10.1.1.1:4840超时"),
        ("重试3次仍失败", "重试12次仍失败"),
        ("報警3次後停機", "報警7次後停機"),
        ("エラー3件を検出", "エラー12件を検出"),
        ("ｻｰﾎﾞ軸3原点復帰", "サーボ軸9原点復帰"),
        ("3번 라인 자재 없음", "12번 라인 자재 없음"),
        ("مضخة ٣ متوقفة تماما الآن", "مضخة ١٢ متوقفة تماما الآن"),
        ("насос ٣ перегрет", "насос 14 перегрет"),
        ("पंप ३ गर्म है", "पंप 17 गर्म है"),
        ("“Valve” is stuck – again", '"Valve" is stuck - again'),
        ("【Valve】 is stuck：again", "[Valve] is stuck: again"),
        ("ＶＡＬＶＥ １７ is stuck", "VALVE 3 is stuck"),
        ("Ventil\u00a0klemmt\u200b am Band", "Ventil klemmt am Band"),
        ("温度85℃过高", "温度9°C过高"),
    ],
)
def test_what_looks_the_same_is_the_same(one: str, other: str) -> None:
    """Digits of all scripts are values; widths, look-alike brackets, quotes, dashes and blanks are not told apart."""
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2号注塑机模温偏高", "2号注塑机模温偏低"),
        ("液位低于下限", "液位高于上限"),
        ("U相过流", "V相过流"),
        ("PLC通信异常", "MES通信异常"),
        ("ปั๊มร้อน", "ปั๊มรั่ว"),
        ("पंप गर्म", "पंप ठंडा"),
        ("모터 과열", "모터 정지"),
        ("报警号1205：主轴", "报警号1206：主轴"),
        ("故障代码：12", "故障代码：13"),
        ("エラーコード 123", "エラーコード 124"),
        ("오류 코드 12 발생", "오류 코드 13 발생"),
        ("警报 4107 刀具磨损", "警报 4108 刀具磨损"),
        ("[SV0401]伺服异常", "[SV0410]伺服异常"),
        ("Z軸＋端超程", "Z軸－端超程"),
        ("错误码为1205", "错误码为1206"),
        ("エラー番号は「123」", "エラー番号は「124」"),
        ("调用返回错误0x80070005", "调用返回错误0x80070002"),
        ("ошибка 17 привода", "ошибка 18 привода"),
        ("błąd 17 napędu", "błąd 18 napędu"),
    ],
)
def test_other_signs_and_codes_are_other_problems(one: str, other: str) -> None:
    """What a sentence says is identity, and so are the codes that the words of its language introduce."""
    assert key(one) != key(other)


_SIGNS = st.text(alphabet="泵阀液位高低温度门开关停机主轴丝杠アイウエポンプ가나다라마", min_size=1, max_size=12)
_NUMBERS = st.from_regex(r"[0-9]{1,5}(\.[0-9]{1,2})?", fullmatch=True)


@given(st.lists(st.tuples(_SIGNS, _NUMBERS), min_size=1, max_size=4), _SIGNS, st.randoms())
@settings(max_examples=100, deadline=None)
def test_digits_never_change_the_key_and_signs_always_do(
    pieces: list[tuple[str, str]], ending: str, chance: random.Random
) -> None:
    """Whatever stands where in a sentence of signs and numbers: numbers are holes and no sign is in one."""
    text = "".join(signs + number for signs, number in pieces) + ending
    digits = re.sub(r"[0-9]", lambda _: chance.choice("0123456789"), text)
    assert key(digits) == key(text)
    places = [place for place, char in enumerate(text) if not char.isascii()]
    place = chance.choice(places)
    changed = text[:place] + ("错" if text[place] != "错" else "误") + text[place + 1 :]
    assert key(changed) != key(text)


@given(st.text(alphabet="aeé ïöÅñçřệ가각힣がプ第3轴=17:-.", max_size=60))
@settings(max_examples=120, deadline=None)
def test_composed_and_decomposed_are_one_text(text: str) -> None:
    """NFC and NFD of any text have one key, and the plain form of a plain form is itself."""
    composed, decomposed = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    assert fingerprint(composed, "Gerät", None) == fingerprint(decomposed, unicodedata.normalize("NFD", "Gerät"), None)
    once = plain(decomposed)
    assert plain(once.replace(SEAM, "")) == once


def test_plain_text_is_not_touched() -> None:
    """ASCII costs nothing: the very same object comes back."""
    text = "valve 3 is stuck"
    assert plain(text) is text


def test_sentence_of_signs_says_as_much_as_its_words() -> None:
    """A service is part of the identity of short texts only; and no token of signs may ever pass for a name."""
    assert says(skeleton("主轴驱动器过载")) >= 3 > says(skeleton("过载"))
    assert fingerprint("主轴驱动器过载", "a", None) == fingerprint("主轴驱动器过载", "b", None)
    assert all(IDENTITY.match(token) for token in skeleton("主轴驱动器过载,请检查"))


_SENTENCES = (
    "worker {n} could not open shelf {n} in hall {n}",
    "worker {n} could not close shelf {n} in hall {n}",
    "belt speed {n}.{n} rises above {n}",
    "gate of lane {n} stays open since {n} s",
    "{n} boxes lie on lane {n} after cleaning",
    "GET /shelves/{n}/boxes?colour=red HTTP/1.1",
    "GET /shelves/{n}/lanes HTTP/1.1",
)


@given(st.permutations(range(60)))
@settings(max_examples=30, deadline=None)
def test_made_up_words_group_the_same(numbers: list[int]) -> None:
    """No word of a known system is needed: texts with each word replaced by a made-up one fall into the same groups."""
    invented: dict[str, str] = {}

    def translated(match: re.Match[str]) -> str:
        number = numbers[len(invented)]
        return invented.setdefault(match[0], "ba" + "dklmnprstv"[number // 10] + "aeioubdgkl"[number % 10] + "ux")

    lines = [[sentence.replace("{n}", str(number)) for number in (7, 512, 90_210)] for sentence in _SENTENCES]
    other = [[re.sub(r"(?<![A-Z/])\b[a-z]{2,}\b", translated, line) for line in group] for group in lines]
    assert all(len({*map(key, group)}) == 1 for group in lines + other)
    assert len({key(group[0]) for group in lines}) == len({key(group[0]) for group in other}) == len(_SENTENCES)
