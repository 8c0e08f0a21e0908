"""The web pages that role storefront serves."""
