"""The role that takes an order in."""
