"""Pages of fits: kinds give blocks of data, and templates make HTML of them."""
