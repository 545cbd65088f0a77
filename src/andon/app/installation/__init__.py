"""Andon as a service of this machine: program, user, settings, data directory and systemd unit; and taking it away."""
