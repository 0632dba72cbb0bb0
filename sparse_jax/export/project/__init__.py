"""The exported folder: writing, verifying, accounting for every byte."""
