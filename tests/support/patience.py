"""How long tests wait. A machine under load is slow, not broken: these end a test that hangs, and never judge speed."""

from __future__ import annotations

#: Seconds that one thing may take to happen.
PATIENCE = 60.0
#: Seconds between two looks at what is waited for. Waits count their looks: on a machine that is slow, or that was
#: stopped for a while with all its clocks going on, the same number of looks takes longer.
LOOK_EVERY = 0.02
LOOKS = int(PATIENCE / LOOK_EVERY)
#: Seconds that a whole test may take; below the limit of the run, so that what was started is still ended in order.
WHOLE_TEST = 200.0
