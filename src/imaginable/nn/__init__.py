"""Layers and what is done to them."""
