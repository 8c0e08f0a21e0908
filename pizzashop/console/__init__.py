"""The commands for the operators of a running shop, and what they show in a terminal."""
