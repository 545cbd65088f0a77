"""The ways in over HTTP: logs that programs post, in whatever protocol they speak."""
