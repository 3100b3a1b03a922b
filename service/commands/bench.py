"""`vedette bench`."""
