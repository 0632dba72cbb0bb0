"""What is wrong with a person's settings."""


class ConfigError(ValueError):
    """A setting that is not allowed; the message is one line.

    The line begins with the setting's full name as a flag has it, then says the value
    that was given and what is allowed. It is raised when settings are read, before
    anything is made on disk or compiled.

    Example:
      >>> try:
      ...     run_search({'search': {'rounds': -1}}, 'runs/mine')
      ... except ConfigError as error:
      ...     print(error)
      config.search.rounds: -1 is not allowed; allowed: 1 or more
    """
