"""Fakes of the shop's own interfaces, and a whole shop made of them."""
