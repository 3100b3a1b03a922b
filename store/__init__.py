"""What is kept: the journal, and everything in PostgreSQL. All SQL lives below this package."""
