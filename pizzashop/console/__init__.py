"""The operator's commands, and what they show in a terminal."""
