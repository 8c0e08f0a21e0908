"""The order and its rules, with no I/O."""
