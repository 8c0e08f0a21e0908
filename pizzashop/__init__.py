"""Durable pizza ordering on Dapr Workflow."""

from importlib.metadata import version

__version__ = version("pizzashop")
