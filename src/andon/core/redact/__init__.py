"""What leaves the box: no secrets, no characters that people cannot see.

The raw text stays in the database; only the copy for a model, a ticket or a file is changed. A secret becomes
``[secret 1]``, equal ones the same number within :func:`one_numbering`; nothing leads back from the number.

What is a secret is told by its name (``vocabulary.py``, ``named.py``, ``told.py``, in JSON ``structures.py``), by where
it stands (``positions.py``), as an argument of a command (``commands.py``) or by its looks (``tokens.py``). All look at
a text in its folded form (``visible.py``), start at a literal, and repeat bounded or disjoint classes: a hostile line
costs linear time.
"""

from andon.core.redact.redactor import Redactor, clean, clean_value, one_numbering, redact
from andon.core.redact.visible import visible

__all__ = ["Redactor", "clean", "clean_value", "one_numbering", "redact", "visible"]
