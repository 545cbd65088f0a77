"""A log's trip: record it, analyze its problem, answer whoever waits. Everything here sees ports only."""
