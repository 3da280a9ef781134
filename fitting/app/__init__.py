"""Everything of fitting that knows a command line."""
