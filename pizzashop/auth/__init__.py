"""Who may call what: accounts, sessions, permissions and the guard of every role."""
