"""What the tables are made of: the one collection they belong to, and types that mean the same in both databases."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData, types

metadata = MetaData()

# SQLite only counts on (AUTOINCREMENT) where the type is exactly INTEGER.
Key = Integer().with_variant(BigInteger(), "postgresql")

# Texts are compared by their bytes, as in SQLite and Python: times sort by it, and no locale changes what is equal.
Text = types.Text().with_variant(types.Text(collation="C"), "postgresql")

__all__ = ["Key", "Text", "metadata"]
