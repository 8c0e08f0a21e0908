"""The role that owns the record of every order."""
