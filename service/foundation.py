"""What a service process stands on: the journal, the database, and the copy beside the journal."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from alerting import Fold
from service.clock import now_us
from service.identities import Identities
from service.recovery import CannotStart, StoreStart, begin_storing, new_claim, recover_fold
from service.registration import NoRegistry, Registration
from service.settings import Settings
from service.standby import Standby, StandbyNewer
from store.database import Database
from store.journal import Journal, JournalNewer, JournalUnavailable, open_journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """Opened, not met yet: `recover` is first."""

    journal: Journal
    database: Database
    standby: Standby
    claim: str
    migrate_first: bool

    async def recover(self, *, wait_s: float) -> Fold:
        """The newest state that this journal can be folded from; see `recover_fold`."""
        return await recover_fold(
            self.journal,
            self.database,
            self.standby,
            claim=self.claim,
            migrate_first=self.migrate_first,
            wait_s=wait_s,
            clock=now_us,
        )

    async def begin(self) -> StoreStart:
        """Ask the database where the storer goes on; see `begin_storing`."""
        return await begin_storing(
            self.journal,
            self.database,
            self.standby,
            claim=self.claim,
            migrate_first=self.migrate_first,
            clock=now_us,
        )


async def lay_foundation(
    settings: Settings, stack: AsyncExitStack, *, migrate_first: bool
) -> Foundation:
    """Open what is needed; the database need not answer yet.

    Raises:
        CannotStart: the journal cannot be used.
    """
    standby = Standby(settings.data_dir / "standby")
    journal = await _open_journal(settings)
    stack.push_async_callback(journal.close)
    database = await Database.connect(
        settings.database_url.get_secret_value(), max_connections=settings.database_connections
    )
    stack.push_async_callback(database.close)
    return Foundation(
        journal=journal,
        database=database,
        standby=standby,
        claim=new_claim(),
        migrate_first=migrate_first,
    )


async def load_registers(ground: Foundation, settings: Settings) -> tuple[Registration, Identities]:
    """The registry and the accounts, of the database or else of the copy.

    Raises:
        CannotStart: there is neither, or the copy is of a newer version.
    """
    registration = Registration(ground.database, ground.standby, clock=now_us)
    identities = Identities(ground.database, ground.standby, clock=now_us)
    try:
        await registration.load_or_copy()
        await identities.load_or_copy(settings.admin_password)
    except (NoRegistry, StandbyNewer) as error:
        raise CannotStart(str(error)) from error
    return registration, identities


async def _open_journal(settings: Settings) -> Journal:
    try:
        return await open_journal(
            settings.journal,
            now_s=now_us() // 1_000_000,
            max_bytes=settings.journal_max_mib << 20,
        )
    except (JournalNewer, JournalUnavailable, ValueError) as error:
        raise CannotStart(str(error)) from error
