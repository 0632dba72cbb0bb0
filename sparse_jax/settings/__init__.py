"""Settings of a search: their defaults, what is allowed, and reading them."""
