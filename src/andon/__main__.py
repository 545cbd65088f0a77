"""``python -m andon``."""

from andon.app.cli import main

main()
