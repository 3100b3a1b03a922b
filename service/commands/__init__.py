"""The commands of `vedette`: exit code 0 success, 1 a finding, 2 wrong use.

An error is one line that says what, which, and what to do.
"""

from __future__ import annotations

from service.commands import bench, demo, doctor, run, simulate  # noqa: F401 - they register
from service.commands.accounts import token_app, user_app
from service.commands.assets import gateway_app, sensor_app
from service.commands.base import app

app.add_typer(user_app, name="user")
app.add_typer(token_app, name="token")
app.add_typer(gateway_app, name="gateway")
app.add_typer(sensor_app, name="sensor")

__all__ = ["app"]
