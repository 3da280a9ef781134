"""Joint fits: files of several kinds, of one device."""
