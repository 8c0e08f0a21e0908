"""What people read: the text of a status, progress, boards, the menu and times."""
