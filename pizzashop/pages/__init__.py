"""The pages of role `storefront`: the menu, a customer's order, the staff's boards, and signing in."""
