"""Studies side by side: groups of seeds, their progress, the front of all of them."""
