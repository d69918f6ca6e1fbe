"""Layer 0: imports nothing of the package."""
