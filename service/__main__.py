"""The command line. Each command lives in `service.commands`, beside what it needs."""

from __future__ import annotations

import signal


def main() -> None:
    """Entry point of `vedette`."""
    # Reading the commands takes a second, in which Ctrl-C should end us without a trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from service.commands import app  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.default_int_handler)
    app()


if __name__ == "__main__":
    main()
