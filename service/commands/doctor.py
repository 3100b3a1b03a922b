"""`vedette doctor`."""
