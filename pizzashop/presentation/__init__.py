"""How an order is shown to people: texts, progress, the rows of the boards, the menu, and times."""
