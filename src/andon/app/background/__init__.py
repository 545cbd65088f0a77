"""Tasks that run beside the pipeline: retention, indexing, watching, and keeping each of them running."""
