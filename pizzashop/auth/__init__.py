"""Who may call what: accounts, authentication, the guard of every route, and checks of a request's origin."""
