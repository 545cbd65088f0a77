"""Stack traces of many languages: one line each, without what differs from run to run."""

from __future__ import annotations

import re

import pytest

from andon.grouping import Fingerprinter
from andon.grouping.traces import condense
from support.pattern_texts import TRACES

fingerprint = Fingerprinter()


def key(message: str) -> str:
    return fingerprint(message, "svc", None).key


GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/srv/cell.py", line 9, in supervise
  |     async with TaskGroup() as group:
  | ExceptionGroup: two robots are down (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/arm.py", line 4, in grip
    |     await arm.grip()
    | GripError: no vacuum at arm 3
    | a note on it
    +---------------- 2 ----------------
    | Exception Group Traceback (most recent call last):
    |   File "/srv/belt.py", line 9, in run
    | ExceptionGroup: inner (1 sub-exception)
    +-+---------------- 1 ----------------
      | Traceback (most recent call last):
      |   File "/srv/link.py", line 3, in dial
      | OSError: link is down
      |
      | The above exception was the direct cause of the following exception:
      |
      | Traceback (most recent call last):
      |   File "/srv/belt.py", line 5, in start
      | BeltError: belt stands still
      +------------------------------------"""
RUST = """thread 'main' panicked at src/main.rs:3:5:
no such recipe
stack backtrace:
   0: rust_begin_unwind
             at /rustc/abc/library/std/src/panicking.rs:645:5
   1: core::panicking::panic_fmt
   2: cell::load::h0123456789abcdef
             at ./src/main.rs:3:5
   3: cell::main"""
RUBY = "/srv/cell.rb:12:in 'load': no recipe (RecipeError)\n\tfrom /srv/cell.rb:20:in 'run'\n\tfrom /srv/cell.rb:30:in '<main>'"
RAILS = "RecipeError (no recipe):\n\napp/models/cell.rb:12:in `load'\napp/controllers/lines.rb:3:in `block in show'"
PHP = """PHP Fatal error:  Uncaught RuntimeException: no recipe in /srv/cell.php:12
Stack trace:
#0 /srv/cell.php(20): Recipe->load()
#1 /srv/line.php(2): run('a', 5)
#2 {main}
  thrown in /srv/cell.php on line 12"""
GDB = """Program received signal SIGSEGV
#0  0x00007ffff7a in raise () from /lib/libc.so.6
#1  0x0000555555 in recipe_load (r=0x0) at recipe.c:12
#2  0x0000555556 in main () at main.c:3"""
GLIBC = "*** double free\n./cell(recipe_free+0x1d)[0x55d0aa]\n./cell(main+0x2)[0x55d1bb]"
KERNEL = """BUG: kernel NULL pointer dereference
RIP: 0010:cell_irq+0x12/0x40 [cell]
Call Trace:
 <IRQ>
 ? handle_irq+0x1/0x2
 do_IRQ+0x1/0x2"""
LUA = "lua: cell.lua:3: no recipe\nstack traceback:\n\t[C]: in function 'error'\n\tcell.lua:3: in function 'load'"
ELIXIR = "** (RuntimeError) no recipe\n    (cell 0.1.0) lib/cell.ex:5: Cell.load/1\n    (stdlib 3.15) gen_server.erl:1: :gen_server.loop/7"
LOGURU = """Traceback (most recent call last):

  File "/srv/cell.py", line 12, in <module>
    main()
    └ <function main at 0x7f1>

> File "/srv/cell.py", line 9, in load
    read(5)
    │    └ 5
    └ <function read at 0x7f2>

RecipeError: no recipe"""
RICH = """╭──────── Traceback (most recent call last) ────────╮
│ /srv/cell.py:9 in load                            │
│ ❱ 9 │   read()                                    │
╰───────────────────────────────────────────────────╯
RecipeError: no recipe"""
ZAP = "no recipe\nmain.load\n\t/srv/cell.go:12\nmain.main\n\t/srv/cell.go:30\nruntime.main\n\t/usr/lib/go/proc.go:250"
GERMAN = "System.IO.IOException: Rezept fehlt\n   bei Cell.Recipe.Load(String p) in C:\\cell.cs:Zeile 12.\n   bei Cell.Main()"
SUPPRESSED = """a.OuterException: no line
\tat a.Line.run(Line.java:1)
\tSuppressed: b.CloseException: not closed
\t\tat b.Door.close(Door.java:1)
\t\tCaused by: c.InnerException: not this
\t\t\tat c.Hinge.turn(Hinge.java:1)
Caused by: d.RootException: no recipe
\tat d.Recipe.load(Recipe.java:1)"""
ROOT_FIRST = "d.RootException: no recipe\n\tat d.Recipe.load(R.java:1)\nWrapped by: a.OuterException: no line\n\tat a.Line.run(L.java:1)"
NODE_CAUSE = """Error: no line
    at run (/srv/line.js:1:2)
    at async go (/srv/line.js:3:3) {
  [cause]: RangeError: no recipe
      at load (/srv/recipe.js:1:1)
}"""


@pytest.mark.parametrize(
    ("trace", "condensed"),
    [
        (
            GROUP,
            "ExceptionGroup: two robots are down | with BeltError: belt stands still | caused by OSError: link is down "
            "| with GripError: no vacuum at arm 3 | in link.dial",
        ),
        (
            RUST,
            "thread 'main' panicked at src/main.rs:3:5: no such recipe | in cell::load, cell::main",
        ),
        (RUBY, "no recipe (RecipeError) | in load, run, <main>"),
        (RAILS, "RecipeError (no recipe): | in load, show"),
        (PHP, "PHP Fatal error:  Uncaught RuntimeException: no recipe in /srv/cell.php:12 | in Recipe->load, run"),
        (GDB, "Program received signal SIGSEGV | in recipe_load, main"),
        (GLIBC, "*** double free | in recipe_free, main"),
        (KERNEL, "BUG: kernel NULL pointer dereference | in cell_irq, do_IRQ"),
        (LUA, "lua: cell.lua:3: no recipe | in error, load"),
        (ELIXIR, "** (RuntimeError) no recipe | in Cell.load/#, :gen_server.loop/#"),
        (LOGURU, "RecipeError: no recipe | in cell.load, cell.<module>"),
        (RICH, "RecipeError: no recipe | in cell.load"),
        (ZAP, "no recipe | in main.load, main.main"),
        (GERMAN, "System.IO.IOException: Rezept fehlt | in Cell.Recipe.Load, Cell.Main"),
        (SUPPRESSED, "a.OuterException: no line | caused by d.RootException: no recipe | in d.Recipe.load"),
        (ROOT_FIRST, "a.OuterException: no line | caused by d.RootException: no recipe | in d.Recipe.load"),
        (NODE_CAUSE, "Error: no line | caused by RangeError: no recipe | in load"),
    ],
)
def test_trace_becomes_what_happened_and_where(trace: str, condensed: str) -> None:
    """The message, the root cause and the innermost functions, in every language."""
    assert condense(trace) == condensed
    assert len(condensed) < 400


@pytest.mark.parametrize(
    "trace",
    [*TRACES.values(), GROUP, RUST, RUBY, RAILS, PHP, GDB, KERNEL, LUA, ELIXIR, LOGURU, RICH, ZAP, GERMAN, SUPPRESSED],
)
def test_message_may_stand_above_a_trace(trace: str) -> None:
    """A message with a trace below, as a decoder puts them together, is that message about that trace."""
    text = "Order 17 could not be started\n" + trace
    condensed = condense(text)
    assert condensed is not None
    assert condensed.startswith("Order 17 could not be started")
    assert condensed.rpartition(" | in ")[2] == (condense(trace) or "").rpartition(" | in ")[2]
    moved = re.sub(r"(?<=line )\d+|(?<=:)\d+(?=[:)\s])|(?<=Order )\d+", "731", text)
    assert key(moved) == key(text)
    assert key("Shift plan is gone\n" + trace) != key(text)


@pytest.mark.parametrize(
    "ends", [("\\n", "\\t"), ("#012", "#011"), ("\r\n", "\t"), ("#015#012", "#011"), ("\\r\\n", "\\t")]
)
def test_line_ends_may_be_escaped(ends: tuple[str, str]) -> None:
    """Whoever put the trace on one line: JSON, or rsyslog with its octal codes."""
    for trace in (*TRACES.values(), GROUP, RUBY, LOGURU):
        assert key(trace.replace("\t", ends[1]).replace("\n", ends[0])) == key(trace)


def test_order_of_a_group_is_chance() -> None:
    """Which task of a group failed first says nothing; which exceptions it holds does."""
    one = GROUP.replace("two robots are down (2 sub-exceptions)", "unhandled errors in a TaskGroup (5 sub-exceptions)")
    first, second = (
        '    | Traceback (most recent call last):\n    |   File "/srv/a.py", line 1, in a\n    | AError: {}\n',
        ('    | Traceback (most recent call last):\n    |   File "/srv/b.py", line 1, in b\n    | BError: {}\n'),
    )
    head = GROUP[: GROUP.index("    | Traceback")]
    rule, end = "    +---------------- 2 ----------------\n", "    +------------------------------------"
    forward = head + first.format("x") + rule + second.format("y") + end
    assert key(forward) == key(head + second.format("y") + rule + first.format("x") + end)
    assert len({key(forward), key(forward.replace("x", "z")), key(one), key(GROUP)}) == 4
    again = head + first.format("arm 1") + rule + first.format("arm 2") + end
    assert key(again) == key(head + first.format("arm 7") + end)


@pytest.mark.parametrize(
    "names",
    [
        ("Recipe$$EnhancerBySpringCGLIB$$3aca1b65", "Recipe$$EnhancerBySpringCGLIB$$f7bb04e1"),
        ("Recipe$$SpringCGLIB$$0", "Recipe$$SpringCGLIB$$1"),
        ("Recipe$$FastClassBySpringCGLIB$$1a2b", "Recipe$$FastClassBySpringCGLIB$$cdef"),
        ("Recipe$$Lambda$14/0x0000000800c03000", "Recipe$$Lambda/0x00007f1234abcd00", "Recipe$$Lambda$9/12345678"),
        ("Recipe$HibernateProxy$aB3xYz", "Recipe$HibernateProxy$QwErTy"),
        ("Recipe$ByteBuddy$aBcDeF", "Recipe$ByteBuddy$GhIjKl"),
        ("Recipe$MockitoMock$123", "Recipe$MockitoMock$456789"),
        ("Recipe_$$_jvst3f2_1", "Recipe_$$_jvst9ab_12"),
    ],
)
def test_generated_names_of_the_jvm(names: tuple[str, ...]) -> None:
    """Proxies and lambdas get a new name with every start."""
    text = "a.LoadException: no recipe\n\tat cell.{}.load(<generated>)\n\tat cell.Line.run(Line.java:5)"
    assert len({key(text.format(name)) for name in names}) == 1
    assert key(text.format(names[0])) != key(text.format(names[0].replace("Recipe", "Order")))


@pytest.mark.parametrize("prefix", ["", "java.base/", "app//", "cell@1.2/"])
@pytest.mark.parametrize(
    "call",
    [
        *(
            "jdk.internal.reflect.NativeMethodAccessorImpl.invoke0",
            "jdk.internal.reflect.GeneratedMethodAccessor12.invoke",
        ),
        *("sun.reflect.GeneratedMethodAccessor7.invoke", "java.lang.invoke.DirectMethodHandle$Holder.invokeStatic"),
        *("java.lang.reflect.Method.invoke", "jdk.proxy2.$Proxy42.load", "com.sun.proxy.$Proxy9.load"),
    ],
)
def test_calls_by_reflection_do_not_count(prefix: str, call: str) -> None:
    """They come and go as code gets warm, and modules have prefixes in some versions only."""
    text = "a.LoadException: no recipe\n\tat {}(X.java:1)\n\tat {}cell.Line.run(Line.java:5)"
    assert condense(text.format(prefix + call, prefix)) == "a.LoadException: no recipe | in cell.Line.run"


def test_exception_in_a_message_is_not_taken_for_the_one_below() -> None:
    """A message that ends in the name of an error is the lead; a headline that is repeated stands there once."""
    frames = "\n    at load (/srv/a.js:1:2)"
    assert condense("Failed: TimeoutError\nRangeError: no recipe" + frames) == (
        "Failed: TimeoutError: RangeError: no recipe | in load"
    )
    assert condense("Failed: RangeError: no recipe\nRangeError: no recipe" + frames) == (
        "Failed: RangeError: no recipe | in load"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Alarm #012 came",
        "meet\n  at noon",
        "see a.rb: x\nand b",
        "#0 is\nthe first",
        "what():\n  no recipe",
        "a .ex\n(b)",
    ],
)
def test_other_texts_of_several_lines_are_no_trace(text: str) -> None:
    assert condense(text) is None
