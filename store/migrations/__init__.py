"""Numbered SQL, applied by `store.migrate`; a file that was released never changes."""
