"""Predicted bytes and instructions of an int8 network on a board."""
