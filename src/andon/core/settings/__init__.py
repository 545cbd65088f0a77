"""Every setting, by theme; :mod:`andon.core.settings.settings` is the only reader of the environment."""
