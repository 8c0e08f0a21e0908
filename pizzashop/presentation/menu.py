"""The menu: the pizzas, their toppings and their prices in minor units of the shop's currency."""

from typing import NamedTuple


class Size(NamedTuple):
    """One size: its name in an order, its letter on the menu, and its surcharge to the price of a small pizza."""

    name: str
    letter: str
    surcharge: int


class Pizza(NamedTuple):
    """One pizza: its key in an order, its name, its description, its sauce and toppings, and its price when small."""

    key: str
    name: str
    description: str
    sauce: str
    toppings: tuple[str, ...]
    small_price: int

    def price(self, size: Size) -> int:
        """Return the price in this size."""
        return self.small_price + size.surcharge


SIZES = (Size("small", "S", 0), Size("medium", "M", 200), Size("large", "L", 400))

MENU = (
    Pizza("margherita", "Margherita", "All others are measured by it", "tomato", ("mozzarella", "basil"), 700),
    Pizza(
        "marinara", "Marinara", "No cheese, and nothing missing", "tomato", ("garlic", "cherry tomato", "oregano"), 650
    ),
    Pizza("pepperoni", "Pepperoni", "Crisp at the edges, a little hot", "tomato", ("mozzarella", "pepperoni"), 800),
    Pizza("funghi", "Funghi", "Mushrooms fried in butter first", "tomato", ("mozzarella", "mushroom", "parsley"), 800),
    Pizza("prosciutto", "Prosciutto", "Cooked ham, laid on late", "tomato", ("mozzarella", "ham", "basil"), 850),
    Pizza("hawaii", "Hawaii", "We ask no questions", "tomato", ("mozzarella", "ham", "pineapple"), 850),
    Pizza("diavola", "Diavola", "Spicy salami and fresh chilli", "tomato", ("mozzarella", "pepperoni", "chilli"), 900),
    Pizza("ortolana", "Ortolana", "What the garden has", "tomato", ("courgette", "pepper", "cherry tomato"), 850),
    Pizza("tonno", "Tonno", "Tuna, red onion and capers", "tomato", ("mozzarella", "tuna", "onion"), 900),
    Pizza("napoletana", "Napoletana", "Salty, for the thirsty", "tomato", ("mozzarella", "anchovy", "olive"), 850),
    Pizza("capricciosa", "Capricciosa", "A bit of each", "tomato", ("ham", "mushroom", "artichoke", "olive"), 950),
    Pizza("formaggi", "Quattro formaggi", "Cheeses, no sauce", "cream", ("mozzarella", "gorgonzola", "parmesan"), 950),
)
