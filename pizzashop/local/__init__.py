"""`pizzashop up` and `pizzashop doctor`: run the whole shop on one machine."""
