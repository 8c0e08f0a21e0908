"""Who may do what: the table of all routes, the people of the staff, and the guard in front of each role."""
