"""Refuses to build a wheel that carries no web interface.

`scripts/demo` and `scripts/test` build it into `api/static` beforehand. An editable install reads
the checkout itself, so it is let through: the interface may be built later.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INDEX = Path("api", "static", "index.html")


class RequireWebInterface(BuildHookInterface[Any]):
    """Called by hatchling before it packs a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Check that the built web interface is there.

        Args:
            version: "standard", or "editable" for a checkout installed in place.
            build_data: What hatchling will pack; left as it is.

        Raises:
            FileNotFoundError: `api/static/index.html` is missing.
        """
        del build_data
        if version == "editable" or Path(self.root, INDEX).is_file():
            return
        raise FileNotFoundError(
            f"{INDEX} is missing: this wheel would have no web interface. `npm ci && npm run bundle` in web/ builds it"
        )
