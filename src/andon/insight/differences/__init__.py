"""What differs between two periods or groups of logs."""
