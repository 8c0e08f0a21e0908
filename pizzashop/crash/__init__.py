"""Try a crash: ask `pizzashop up` to kill one of its processes, and see what becomes of the orders."""
