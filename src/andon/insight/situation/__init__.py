"""How one problem stands now: its alarms, what is advised, how often it came, and what is different this time."""
