"""What a person should know of a folder that cannot be used, or not wholly."""


class StudyError(ValueError):
    """A workdir that cannot be used; the message is one line.

    It names the folder, what was found and what is allowed: no study in it, a study of
    other settings, data or board, a damaged file, another program that holds it, a
    network that it does not have, or code that it names and nobody allowed to run. The
    folder is as it was before.
    """


class StudyWarning(UserWarning):
    """What a person should know of a study that can be used; one line."""
