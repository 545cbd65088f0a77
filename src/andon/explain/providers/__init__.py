"""One file for each provider of models, and the registry that names them."""
