"""The demo: an invented plant with a bad night that happens now.

The story: a cabinet cooler dies and drives trip on heat, a flapping switch takes a line's controller down, the
compressor fails, the MES queue backs up until the database disk is full, a power dip meets an old UPS battery, a
certificate expires. ``plant.toml`` describes plant and night, :mod:`happenings` works out what happened when,
:mod:`forms` writes it as producers do, :mod:`traffic` goes on with it.
"""
