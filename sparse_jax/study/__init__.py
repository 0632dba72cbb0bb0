"""A study on disk: its folder, records, weights, front and lineage."""
