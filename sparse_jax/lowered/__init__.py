"""Lowered programs of earlier processes: what was traced once is not traced again."""
