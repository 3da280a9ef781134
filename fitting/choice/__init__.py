"""Choice among models: the same data under each of them."""
