"""The command line. Each command lives in `service.commands`, beside what it needs."""

from __future__ import annotations

from service.commands import app


def main() -> None:
    """Entry point of `vedette`."""
    app()


if __name__ == "__main__":
    main()
