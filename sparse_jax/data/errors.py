"""The one exception of the data package."""


class DataError(ValueError):
    """A data set cannot be used; the message is one line: the value, what is accepted.

    Every problem with a user's files, names, sizes or groupings is this exception, so
    that a launcher can print the line and stop without a traceback. Nothing has been
    written when it is raised, and nothing of the data is kept.

    Example:
      >>> try:
      ...     DataSpec('digits', max_train=-1)
      ... except DataError as error:
      ...     print(error)
      max_train=-1: accepted: 0 or a positive number
    """


def brief(error: BaseException, limit: int = 200) -> str:
    """Returns the text of a foreign `error` on one line of at most `limit` letters."""
    text = ' '.join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[:limit - 3] + '...'
