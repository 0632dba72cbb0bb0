"""Settings of a search: their defaults, what is allowed, and reading them.

`groups` holds the types and every default, `tree` turns them into a configuration and
back, `rules` says which values are allowed, `reading.read` gives checked settings and
the objects that they name, `stored` compares and reads those of a study.
"""
