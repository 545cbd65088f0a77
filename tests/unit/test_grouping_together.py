"""Texts in which several names vary, names that are listed words, and codes and values of forms that few would guess."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.grouping import CodeRules, Fingerprinter, Merger
from andon.grouping.evaluation import GroupingMethod

PEOPLE = [
    "anselm",
    "berta",
    "conrad",
    "dorit",
    "egon",
    "frieda",
    "gustl",
    "hedwig",
    "ignaz",
    "jutta",
    "kaspar",
    "lotte",
]
STORES = ["stockroom", "ledgers", "castings", "forgings", "pressings", "weldments", "blanks", "coatings"]
fingerprint = Fingerprinter()


def template(text: str) -> str:
    return fingerprint(text, "svc", None).template.removesuffix(" @ svc")


def ends_as(texts: list[str]) -> int:
    """How many problems the texts are in the end."""
    method = GroupingMethod()
    answers = [method(text) for text in texts]
    return len({method.final(answer) for answer in answers})


def pairs(form: str, ones: list[str], others: list[str], count: int = 80) -> list[str]:
    chance = random.Random(3)
    return [form.format(chance.choice(ones), chance.choice(others)) for _ in range(count)]


@pytest.mark.parametrize(
    "form",
    [
        "dropped link 7 to db: '{1}' user: '{0}' while reading",
        "user {0} may not write table {1} today",
        "user={0} queue={1} gave up its lease",
        "repository {1} was left by owner {0} too early",
        'no entry for user "{0}", database "{1}", encryption off',
    ],
)
def test_two_announced_names_vary_together(form: str) -> None:
    """No pair of names comes often enough to prove one place alone, both places together do."""
    assert ends_as(pairs(form, PEOPLE, STORES)) == 1


def test_names_behind_from_and_to_vary_together() -> None:
    """Where things are sent; a change from one state to another is none of that."""
    places = [
        "aldgate",
        "bowfell",
        "carnwath",
        "dunmore",
        "eskdale",
        "fenwick",
        "garvald",
        "holmrook",
        "inveresk",
        "jedburgh",
    ]
    assert ends_as(pairs("pallet card from {} to {} was dropped", places, places, 120)) == 1
    texts = list(pairs("unit 4 changed from {} to {} by itself", places, places))
    assert ends_as(texts) == len(set(texts))


def test_a_name_beside_a_fault_leaves_the_fault_alone() -> None:
    """Only places of names vary together: each fault is a problem for itself, whoever was at the machine."""
    faults = ["overload", "misfeed", "leak", "jam"]
    texts = pairs("user {0} of queue {1} stopped press 3: ", PEOPLE, STORES, 60)
    assert ends_as([text + fault for text in texts for fault in faults]) == len(faults)


def test_pairs_that_wait_are_forgotten_with_their_patterns() -> None:
    """A merger of little capacity goes on joining what it still knows."""
    merger = Merger(capacity=40)
    texts = [f"user {person} may not write table {store} today" for person in PEOPLE for store in STORES]
    for number, text in enumerate(texts):
        found = fingerprint(f"{text} in area{'x' * (number // 20)}", "svc", None)
        merger.add(found.key, found.template)
    assert len(merger) <= 41
    assert merger.forgotten


@pytest.mark.parametrize(
    ("form", "listed"),
    [("badge given to user {} at gate 4", "amber"), ("visit of operator {} was noted in plant", "bolt"),
     ('table "{}" is gone from disk', "carriers")],
)  # fmt: skip
def test_a_listed_word_among_proven_names_is_a_name(form: str, listed: str) -> None:
    """Whether it came before the place was proven or after: people and tables have such names too."""
    for order in ([listed, *PEOPLE], [*PEOPLE, listed]):
        assert ends_as([form.format(name) for name in order]) == 1


@pytest.mark.parametrize("word", ["locked", "unknown", "error", "timeout"])
def test_what_is_wrong_with_a_person_is_no_name(word: str) -> None:
    """ "user unknown in realm" is not about somebody called so."""
    assert ends_as([f"login of user {name} in realm of plant" for name in [*PEOPLE, word]]) == 2


@pytest.mark.parametrize(
    "form",
    [
        "tag {} went TRUE on unit 3",
        'variable "{}" was set by unit 3',
        "rule {} fired for cell of hall",
        "record {} was written to the book of unit 3",
    ],
)
@pytest.mark.parametrize("write", [str, lambda word: "_".join(re.findall("[A-Z][a-z]*", word)).upper()])
def test_a_compound_that_tells_what_is_wrong_is_no_name(form: str, write: Callable[[str], str]) -> None:
    """Alarm bits are tags and rules too; which of them came is the problem."""
    wrong = ["LidOpen", "BeltTorn", "HopperEmpty", "LowSteam", "NoCarton", "OverPressure", "StuckFlap", "ChuteJam"]
    assert ends_as([form.format(write(word)) for word in wrong]) == len(wrong)
    named = ["LidColour", "BeltType", "HopperNorth", "SteamRecipe", "CartonKind", "PressCount", "FlapArea"]
    assert ends_as([form.format(write(word)) for word in named]) == 1


def test_what_an_operator_is_needed_for_is_no_name() -> None:
    texts = ["tea", "sorting", "relabelling", "stamping", "weighing", "counting"]
    assert ends_as([f"operator {text} needed in cell of hall" for text in texts]) == len(texts)


@pytest.mark.parametrize("form", ["key {} pressed in hall of plant", "field {} winding in hall of plant"])
def test_things_with_faults_of_their_own_are_named_by_quotes(form: str) -> None:
    """A key, a field and a column are parts of machines as often as of tables."""
    texts = ["overcurrent", "start", "jog", "loss", "ground", "reversal"]
    assert ends_as([form.format(text) for text in texts]) == len(texts)
    assert ends_as([form.format(f"'{name}'") for name in PEOPLE]) == 1


def test_a_full_name_is_one_name_of_two_words() -> None:
    families = ["Abel", "Brandt", "Cron", "Daum", "Eckel", "Faber", "Gruber", "Hauser", "Imhof", "Jost"]
    people = [name.title() for name in PEOPLE]
    assert ends_as(pairs("operator {} {} changed the recipe of line 3", people, families)) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("press 3 stopped with SP9031 ALARM in cycle", "press 3 stopped with SP9001 ALARM in cycle"),
        ("mill shows alarm PS 0010 in cycle", "mill shows alarm PS 0011 in cycle"),
        ("amplifier of mill shows A.C90 again", "amplifier of mill shows A.710 again"),
        ("amplifier of mill shows AL.30.1 again", "amplifier of mill shows AL.32.1 again"),
        ("inverter stopped by E.OC1 at start", "inverter stopped by E.OV3 at start"),
        ("arm says: C153A0 is shown", "arm says: C204A3 is shown"),
        ("message KSS01205 on the arm", "message KSS00276 on the arm"),
        ("%LINK-3-UPDOWN: it changed again", "%SYS-5-CONFIG_I: it changed again"),
        ("relay server replied 451 to it", "relay server replied 550 to it"),
        ("soft starter faulted: F012 since noon", "soft starter faulted: F033 since noon"),
        ("device event 0x5111 at port 3", "device event 0x5112 at port 3"),
        ("packer: process exited (137)", "packer: process exited (139)"),
        ("handshake failed: -0x6900 (see manual)", "handshake failed: -0x7880 (see manual)"),
        ("transfer failed: -110 (slave 4)", "transfer failed: -121 (slave 4)"),
        ("アラーム1001発生 ライン2", "アラーム1002発生 ライン2"),
        ("check says X509_V_ERR_CERT_HAS_EXPIRED today", "check says X509_V_ERR_CERT_REVOKED today"),
        ("store says org.bin.S3Exception today", "store says org.bin.Http2Exception today"),
    ],
)
def test_what_displays_and_libraries_show_is_identity(one: str, other: str) -> None:
    assert fingerprint(one, "svc", None).key != fingerprint(other, "svc", None).key


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("PANEL\\dorit was sent away", "<*> was sent away"),
        ("step DONE\\nCaused by it", "step DONE\\nCaused by it"),
        ("step FAILED\\tboth", "step FAILED\\tboth"),
        ("wants a peer of left-pad@^2.1.0 here", "wants a peer of <*> here"),
        ("wants @acme/tools@~3.1.0-rc.1 here", "wants <*> here"),
        ("refused 'dorit'@'lathe' for now", "refused <*> for now"),
        ("node ns=2;s=Oven.Zone is gone", "node <*> is gone"),
        ('node \'ns=4;s="Oven"."Zone"\' is gone', "node '<*>' is gone"),
        ("peer urn:lathe:tools left us", "peer <*> left us"),
        ("(dorit) CMD (tidy the hall)", "(<*>) CMD (tidy the hall)"),
        ('"C:\\Old Files\\a b.txt" is locked', '"<*>" is locked'),
        ("cannot write C:\\Program Files (x86)\\Tool\\a.txt now", "cannot write <*> now"),
        ("token Gdv+OvNmn7gya/soPmVx== was refused", "token <*> was refused"),
        ("ST12_CONV_MOTOR_FAULT raised in hall", "ST#_CONV_MOTOR_FAULT raised in hall"),
        ("event 480 and message 17 and received 404 rows", "event <*> and message <*> and received <*> rows"),
        ("アラーム3回 ライン2", "アラーム<*>回 ライン<*>"),
    ],
)
def test_values_of_many_signs_are_holes(text: str, masked: str) -> None:
    """Accounts, packages with versions, nodes and paths vary; what counts is no code."""
    assert template(text) == masked


@given(st.text(alphabet="Aa0_.\\@'^~=;:%-(\" \n", max_size=60))
def test_odd_signs_keep_the_cache_exact(text: str) -> None:
    """With and without caches a text has the same key."""
    assert Fingerprinter(cache_entries=0)(text, "svc", None) == fingerprint(text, "svc", None)


def test_reasons_of_contexts_and_codes_of_protocols_are_identity() -> None:
    """gRPC's code stands in an object of its own, orchestrators and controllers name a reason."""
    rules = CodeRules()
    assert rules.in_context({"grpc": {"code": "Unavailable"}}) == (("grpc.code", "Unavailable"),)
    assert rules.in_context({"reason": "BackOff"}) == (("reason", "BackOff"),)
    assert rules.in_context({"reason": "it did not come back"}) == ()
    assert rules.in_context({"machine": {"code": "M17"}}) == ()
