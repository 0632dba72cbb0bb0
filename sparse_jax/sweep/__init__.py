"""Sweeps: one study for each of many configurations, and what they reached."""
