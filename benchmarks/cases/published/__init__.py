"""Published numbers, ours beside them."""
