"""Fakes of the shop's own ports, and a shop made of them."""
