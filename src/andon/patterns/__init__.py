"""What operators ask of the past, as pure figures: alarms, rates, what differs, shifts."""
