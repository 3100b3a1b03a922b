"""Files that hold secrets: readable by their owner only, replaced in one step."""

from __future__ import annotations

import os
from pathlib import Path


def replace_private(path: Path, content: bytes, *, owner: tuple[int, int] | None = None) -> None:
    """Put `content` at `path`, on disk when this returns; a kill leaves the old file or the new.

    Args:
        path: where; its directory exists.
        content: all of it.
        owner: uid and gid it is given to; None keeps ours.
    """
    part = path.with_name(f".{path.name}.new")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        if owner is not None:
            os.fchown(descriptor, *owner)
        file.flush()
        os.fsync(descriptor)
    part.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)  # else a power cut may bring the old name back
    finally:
        os.close(directory)
