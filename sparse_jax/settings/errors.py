"""What is wrong with a person's settings."""


class ConfigError(ValueError):
    """A setting that is not allowed; the message is one line."""
