"""How a command finds and talks to the service that runs on a data directory.

A running service leaves `run/service.json` (mode 0600) in its data directory: where it listens
and a token for this machine's command line. Only who may read the directory may command it.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

import msgspec

from service.embedded.lock import process_mark
from service.private_files import replace_private

TIMEOUT_S: Final = 30.0
WRONG_USE: Final = frozenset({400, 404, 409, 413, 422})
"""Answers to what cannot be asked for; the others are the service's own trouble, or rights."""
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""To our own service, whatever `http_proxy` says: a proxy would be shown the local token."""


class NoService(Exception):
    """No service answers for this data directory."""


class Refused(Exception):
    """The service answered no; the text is its own reason.

    Attributes:
        status: of the HTTP answer.
    """

    def __init__(self, reason: str, *, status: int) -> None:
        super().__init__(reason)
        self.status = status


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What a running service tells the commands of its machine."""

    pid: int
    url: str
    token: str
    database_url: str
    mqtt_url: str
    """Without credentials."""
    mqtt_username: str
    mqtt_password: str
    mark: str | None = None
    """`process_mark` of the pid, set by `announce`: after a kill another process may have it."""


def path_of(data_dir: Path) -> Path:
    return data_dir / "run" / "service.json"


def announce(data_dir: Path, running: Running) -> None:
    """Leave the note; replaced whole, readable by its owner only."""
    path = path_of(data_dir)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    marked = msgspec.structs.replace(running, mark=process_mark(running.pid))
    replace_private(path, msgspec.json.encode(marked))


def withdraw(data_dir: Path) -> None:
    path_of(data_dir).unlink(missing_ok=True)


def find(data_dir: Path) -> Running:
    """The service that runs on `data_dir`.

    Raises:
        NoService: there is none, or its process is gone.
    """
    hint = f"start it with `vedette demo --data-dir {data_dir}` or `vedette run`"
    try:
        running = msgspec.json.decode(path_of(data_dir).read_bytes(), type=Running)
    except FileNotFoundError:
        raise NoService(f"no service runs on {data_dir}; {hint}") from None
    except PermissionError:
        raise NoService(
            f"{path_of(data_dir)} belongs to another user; run this command as that user"
        ) from None
    except msgspec.DecodeError as error:
        raise NoService(f"{path_of(data_dir)} is damaged ({error}); {hint}") from error
    if process_mark(running.pid) != running.mark:
        raise NoService(f"the service that ran on {data_dir} has stopped; {hint}")
    return running


def call(running: Running, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """One request to the service's API; returns the decoded JSON answer (None when empty).

    Raises:
        Refused: the service's own reason, in one line.
        NoService: it did not answer.
    """
    request = urllib.request.Request(  # noqa: S310 - the URL is our own service's
        running.url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {running.token}", "Content-Type": "application/json"},
    )
    try:
        with _DIRECT.open(request, timeout=TIMEOUT_S) as answer:
            content = answer.read()
    except urllib.error.HTTPError as error:
        raise Refused(_reason(error), status=error.code) from error
    except (urllib.error.URLError, OSError) as error:
        raise NoService(f"the service at {running.url} does not answer: {error}") from error
    return json.loads(content) if content else None


def metrics_text(running: Running) -> str:
    """The service's own figures, as Prometheus reads them.

    Raises:
        OSError: it did not answer.
    """
    with _DIRECT.open(running.url + "/metrics", timeout=TIMEOUT_S) as answer:
        return str(answer.read(), "utf-8")


def _reason(error: urllib.error.HTTPError) -> str:
    """What a problem document says is wrong, or `/readyz`; in one line."""
    try:
        problem = json.loads(error.read())
        parts = [
            f"{e['path']}: {e['reason'].removeprefix(e['path'] + ': ')}"
            for e in problem.get("errors") or ()
        ]
        parts += problem.get("reasons") or ()  # of /readyz, which answers no problem document
        if not parts:
            parts = [str(problem.get("detail") or problem["title"])]
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"HTTP {error.code}"
    return "; ".join(parts)
