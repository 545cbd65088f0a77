"""What operators ask of the past: the store's counts and pure figures together, for command line and API."""
