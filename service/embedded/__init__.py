"""Servers that come with Vedette: PostgreSQL, and an MQTT broker, run as our own children.

Each is an async context manager over a data directory that survives restarts. Killing this
process, in whatever way, ends them; the next start recovers by itself.
"""

from service.embedded.account import NoAccount
from service.embedded.broker import Broker, ServiceLogin
from service.embedded.lock import AlreadyRunning
from service.embedded.mosquitto import MosquittoBroker
from service.embedded.nats import NatsBroker
from service.embedded.place import NoPlace
from service.embedded.postgres import PostgresServer
from service.embedded.server import ServerFailed

__all__ = [
    "AlreadyRunning",
    "Broker",
    "MosquittoBroker",
    "NatsBroker",
    "NoAccount",
    "NoPlace",
    "PostgresServer",
    "ServerFailed",
    "ServiceLogin",
]
