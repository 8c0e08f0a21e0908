"""The role that cooks."""
