"""The way to PostgreSQL: a pool, its codecs and time-outs, and what its errors mean for who asks."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final, Self

import asyncpg

from store.chunks import Chunks
from store.connection import prepare_connection
from store.partitions import Partitions
from store.storage import Storage, read_storage

_UNREACHABLE: Final = (
    OSError,
    TimeoutError,
    ssl.SSLError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
)
_FAILED: Final = (
    asyncpg.InsufficientResourcesError,  # a full disk, for one
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.QueryCanceledError,  # it took too long
    asyncpg.TransactionRollbackError,  # a deadlock, for one: the other side went on
    asyncpg.PostgresSystemError,
    asyncpg.InvalidCachedStatementError,  # a migration has just passed by
)
REFUSALS: Final = (
    asyncpg.SyntaxOrAccessError,  # a right, table or column is missing
    asyncpg.InvalidSchemaNameError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.InternalServerError,  # something is damaged
)
"""Where PostgreSQL, not what it was asked, has to be mended; `refusals` takes these and the rest."""


class DatabaseUnavailable(Exception):
    """PostgreSQL cannot be reached or cannot work now; what was asked for may be asked again."""


class DatabaseFailed(DatabaseUnavailable):
    """PostgreSQL answers, and could not do it this time.

    Attributes:
        reason: In the server's words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the database could not do it now: {reason}")
        self.reason = reason


class DatabaseRefuses(DatabaseUnavailable):
    """PostgreSQL answers, and says no: missing rights, a missing or damaged table.

    For whoever can go on without the database it is the same as one that does not answer.

    Attributes:
        reason: In the server's words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the database refuses what is asked of it: {reason}; see its rights and tables"
        )
        self.reason = reason


@contextmanager
def refusals() -> Iterator[None]:
    """Turn whatever else the server says no with into `DatabaseRefuses`.

    Raises:
        DatabaseRefuses: from within the block.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        raise DatabaseRefuses(_say(error)) from error


@dataclass(slots=True)
class _Reach:
    made: bool = False


class Database:
    """A pool of connections that outlives outages of the server.

    Attributes:
        partitions: the time partitions known here (plain storage).
        chunks: the chunks known here (TimescaleDB).
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        timeout_s: float,
        at_most: int | None = None,
        reach: _Reach | None = None,
    ) -> None:
        self._pool = pool
        self._timeout_s = timeout_s
        self._turns = asyncio.Semaphore(at_most or pool.get_max_size())
        self._reach = reach or _Reach()
        self._storage: Storage | None = None
        self.partitions = Partitions()
        self.chunks = Chunks()

    @classmethod
    async def connect(
        cls,
        dsn: str,
        *,
        max_connections: int = 10,
        connect_timeout_s: float = 5.0,
        statement_timeout_s: float = 60.0,
        application: str = "vedette",
    ) -> Self:
        """Make the pool. The server need not be there yet: connections are opened when used.

        Args:
            dsn: `postgresql://user:password@host:port/database`, or with `?host=/socket/dir`.
            max_connections: Most connections held at once.
            connect_timeout_s: How long one use waits for a connection.
            statement_timeout_s: The server ends a statement that takes longer.
            application: Name shown in `pg_stat_activity`.
        """
        pool = asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=max_connections,
            timeout=connect_timeout_s,
            command_timeout=statement_timeout_s + 5.0,
            max_inactive_connection_lifetime=300.0,
            init=prepare_connection,
            server_settings={
                "application_name": application,
                "timezone": "UTC",
                "statement_timeout": str(int(statement_timeout_s * 1000)),
                "idle_in_transaction_session_timeout": "60000",
            },
        )
        return cls(await pool, timeout_s=connect_timeout_s)

    @property
    def available(self) -> bool:
        """Whether the newest attempt to use it reached the server; False before any."""
        return self._reach.made

    def for_questions(self) -> Self:
        """The same, for those who ask: at most half of its connections at once.

        So that however many ask, and however long they are answered for, storing finds one.
        """
        half = max(1, self._pool.get_max_size() // 2)
        return type(self)(self._pool, timeout_s=self._timeout_s, at_most=half, reach=self._reach)

    async def close(self, *, timeout_s: float = 5.0) -> None:
        """Close every connection; those still busy after `timeout_s` are cut."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout_s)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        """A connection of the pool, for as long as the block lasts.

        Raises:
            DatabaseUnavailable: from here or from within the block, when the server is the cause.
        """
        try:
            async with self._turn(), self._pool.acquire(timeout=self._timeout_s) as connection:
                self._reach.made = True
                with self._losses(connection):
                    yield connection
        except _UNREACHABLE as error:
            if isinstance(error, ValueError):  # asyncpg's word for an argument that cannot be sent
                raise
            self._reach.made = False
            raise DatabaseUnavailable(f"the database is not available: {_say(error)}") from error
        except _FAILED as error:
            raise DatabaseFailed(_say(error)) from error

    @contextmanager
    def _losses(self, connection: asyncpg.pool.PoolConnectionProxy) -> Iterator[None]:
        """Say of a connection that broke no more than that: asyncpg tells what it cannot do with it."""
        try:
            yield
        except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            if not _is_lost(connection, error):
                raise
            self._reach.made = False
            raise DatabaseUnavailable("the connection to the database was lost") from error

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._turns.acquire()
        except TimeoutError as error:
            raise DatabaseFailed("too many are waiting for it") from error
        try:
            yield
        finally:
            self._turns.release()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        """As `connection`, with everything in the block committed together or not at all."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def storage(self) -> Storage:
        """How readings are kept, as migration found it; asked of the database once."""
        if self._storage is None:
            async with self.connection() as connection:
                self._storage = await read_storage(connection)
        return self._storage


def _is_lost(connection: asyncpg.pool.PoolConnectionProxy, error: Exception) -> bool:
    if isinstance(error, asyncpg.InternalClientError):  # it broke where asyncpg did not expect it
        return not isinstance(error, asyncpg.OutdatedSchemaCacheError)
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:  # the pool took it back, as it does once it is closed
        return True


def _say(error: BaseException) -> str:
    return str(error) or type(error).__name__
