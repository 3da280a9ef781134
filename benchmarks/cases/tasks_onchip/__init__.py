"""Learning on the chip."""
