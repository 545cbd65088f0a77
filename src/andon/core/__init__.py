"""The ground floor: errors, values, settings, telemetry, texts and times. Imports nothing of the floors above."""
