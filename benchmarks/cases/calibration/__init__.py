"""Coverage of intervals, ranks of truths, spread of populations."""
