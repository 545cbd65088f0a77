"""Finding logs by words and fields, and comparing periods."""
