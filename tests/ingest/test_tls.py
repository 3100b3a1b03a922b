"""mqtts: the broker's certificate is verified against the authorities we are given, or refused.

`certificates/` holds an authority whose key was thrown away, and what it signed for this machine's
own names, valid until 2120. The key there guards nothing.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from ingest import Timing, packets
from ingest.mqtt import MqttSession
from service.embedded.place import write_private
from tests.ingest.conftest import ShippedMosquitto
from tests.ingest.scene import Scene, open_journal, until

CERTIFICATES = Path(__file__).parent / "certificates"
OURS = CERTIFICATES / "ca.pem"


class MosquittoOverTls(ShippedMosquitto):
    """The shipped mosquitto with the lines for TLS in force."""

    async def prepare(self) -> None:
        await super().prepare()
        text = self._configuration.read_text(encoding="utf-8")
        for name, kind in (("server.crt", "certfile"), ("server.key", "keyfile")):
            content = (CERTIFICATES / name).read_text(encoding="ascii")
            write_private(self.directory / name, content, self.account)
            shipped = f"# {kind} /etc/mosquitto/certs/{name}"
            assert shipped in text
            text = text.replace(shipped, f"{kind} {self.directory / name}")
        write_private(self._configuration, text, self.account)

    @property
    def url(self) -> str:
        return f"mqtts://{self.local_host}:{self.port}"


def test_a_broker_signed_by_the_given_authority_is_trusted_and_only_then(data_dir: Path) -> None:
    async def run() -> None:
        broker = MosquittoOverTls(data_dir, port=0)
        async with broker:
            journal = await open_journal(data_dir / "journal.db")
            trusting = Scene(broker, journal, Timing(), ca_file=OURS)
            stranger = Scene(broker, journal, Timing())
            running = [asyncio.ensure_future(scene.ingest.run()) for scene in (trusting, stranger)]
            await until(trusting.session.ready.is_set)
            await until(lambda: "CERTIFICATE_VERIFY_FAILED" in (stranger.session.fault or ""))
            await until(lambda: trusting.ingest.listening)
            assert not stranger.session.ready.is_set()
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await journal.close()

    asyncio.run(run())


def test_many_small_tls_records_are_read_as_they_were_sent() -> None:
    count = 200

    async def run() -> None:
        taken: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1024)
            writer.write(b"\x20\x02\x00\x00")
            await reader.read(1024)
            writer.write(b"\x90\x03\x00\x01\x01")
            for number in range(count):  # each write is a record of its own
                writer.write(packets.publish("t", b"%d" % number))
            await writer.drain()
            await reader.read()
            writer.close()

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(CERTIFICATES / "server.crt", CERTIFICATES / "server.key")
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        session = MqttSession(
            f"mqtts://127.0.0.1:{server.sockets[0].getsockname()[1]}",
            client_id="test",
            filters=["t"],
            take=lambda _, deliveries: taken.extend(one.payload for one in deliveries),
            ca_file=OURS,
        )
        running = asyncio.ensure_future(session.run())
        await until(lambda: len(taken) == count)
        assert taken == [b"%d" % number for number in range(count)]
        assert session.connection == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        server.close()

    asyncio.run(run())


def test_an_authority_that_cannot_be_read_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        MqttSession(
            "mqtts://broker.example",
            client_id="test",
            filters=["t"],
            take=lambda _, deliveries: None,
            ca_file=tmp_path / "missing.pem",
        )
