"""Networks: modules only; they know neither objectives nor training."""
