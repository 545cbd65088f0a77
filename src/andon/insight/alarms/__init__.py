"""How good the alarms are: the figures of ISA-18.2 beside their targets."""
