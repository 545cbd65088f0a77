"""The site's own Markdown runbooks: reading them, and finding the one that fits."""
