"""Crash a part on request: have `pizzashop up` kill one of its processes, and follow the orders under way."""
