"""The roof: the service and its roles, commands, HTTP, the doctor, measuring answers, the demo."""
