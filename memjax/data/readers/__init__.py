"""One reader of measurement files per module."""
