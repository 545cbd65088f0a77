"""Terms: words that stand together, beginnings, gaps, weights."""

from __future__ import annotations

import pytest

from andon.explain.playbook.term_language import LISTS_DEEP, MAX_WORDS, TermIndex, Vocabulary, parse_term, words_of


def found(term: str, text: str) -> bool:
    index = TermIndex()
    number = index.add(term)
    return number in index.find(words_of(text))


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("no space left", "write: No space-left on device"),
        ("overheat*", "OVERHEATING of module"),
        ("temp* ~ high", "temperature in zone 4 is much too high"),
        ("ora 00600", "ORA-00600: internal"),
        ("srvo 023", "[SRVO-023] stop"),
        ("x509*", "x509: certificate"),
    ],
)
def test_a_term_is_found(term: str, text: str) -> None:
    assert found(term, text)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("no space left", "no left space"),
        ("heat", "overheat"),
        ("high temp*", "temperature high"),
        ("temp* ~ high", "temperature " + "word " * 8 + "high"),
        ("no space left", "no space"),
    ],
)
def test_a_term_is_not_found(term: str, text: str) -> None:
    assert not found(term, text)


def test_an_index_that_is_settled_knows_its_terms_and_takes_more() -> None:
    index = TermIndex()
    terms = ["heat", "heat*", "heat sink", "heatsink*", "HeatSink* ~ hot!", "überhitzt"]
    numbers = [index.add(term) for term in terms]
    index.mark(3.0)
    index.settle()
    assert [index.text(number) for number in numbers] == terms
    assert [index.add(term) for term in terms] == numbers
    assert index.add("fan") == len(terms) + 1
    said = index.find(words_of("Heat sink: heatsinks are hot, fan überhitzt"))
    assert said == {*numbers, len(terms) + 1}


def test_weights_follow_specificity() -> None:
    """Words count one, codes three, a marked term at least three."""
    assert [parse_term(t).weight for t in ("fault", "bus fault", "f30005", "enospc!", "s7")] == [1, 2, 3, 3, 1]


@pytest.mark.parametrize("text", ["", "!", "~ high", "high ~", "ab*", "a b*", "do$lar", "wo*rd"])
def test_what_is_not_a_term_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a term|too wide"):
        parse_term(text)


def test_only_so_many_words_are_read_from_both_ends() -> None:
    words = words_of("first " + "middle " * 5000 + "last")
    assert len(words) == MAX_WORDS
    assert (words[0], words[-1]) == ("first", "last")


def test_a_list_may_name_another_and_a_circle_ends() -> None:
    vocabulary = Vocabulary({"a": ["one", "$b"], "b": ["two", "$a"]}, TermIndex())
    assert len(vocabulary.numbers(["$a"])) == 2


def test_lists_refer_to_others_only_so_deep() -> None:
    """The list is refused, and so is it again; those within the bound go on."""
    lists = {f"n{depth}": [f"word{depth}", f"$n{depth + 1}"] for depth in range(LISTS_DEEP)} | {
        f"n{LISTS_DEEP}": ["end"]
    }
    vocabulary = Vocabulary(lists, TermIndex())
    for _ in range(2):
        with pytest.raises(ValueError, match=rf"\$n{LISTS_DEEP} stands more than {LISTS_DEEP} lists deep"):
            vocabulary.numbers(["$n0"])
    assert len(vocabulary.numbers(["$n1"])) == LISTS_DEEP
