"""The systems that Andon writes to and reads from: a thin client for each, which knows its addresses and its errors."""
