"""The ways in: each source turns what it hears into messages on the site's subject, and is done."""
