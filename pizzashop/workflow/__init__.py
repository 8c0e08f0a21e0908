"""The role that decides what happens next to an order."""
