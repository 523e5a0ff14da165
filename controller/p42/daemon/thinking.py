"""Thinking: what answers for an account, made and joined: keys, local model, meter, accounts."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from p42.ai.accounts.accounts import Accounts, Ports
from p42.ai.accounts.refresh import Tokens
from p42.ai.meter.meter import Meter
from p42.config.settings import Settings
from p42.daemon.running import running
from p42.model.ports import Clock
from p42.providers.opening import open_provider
from p42.providers.prices import context_of, price_of
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.local.model import LocalModel
from p42.stores.keys.keys import SystemKeys
from p42.stores.keys.redaction import Redactor
from p42.stores.meter.book import MeterBook
from p42.stores.registry import SqliteRegistry
from p42.stores.state.database import Database

CHATTY = ("httpx2", "openai", "anthropic")  # they log a line for every request


class Thinking:
    """Nothing runs before `run`; ends after the talks do."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        registry: SqliteRegistry,
        *,
        clock: Clock,
        keys: SystemKeys,
        redactor: Redactor,
        link: KeeperLink,
    ) -> None:
        self.meter = Meter(MeterBook(database), clock=clock, clean=redactor.clean)
        self._renewed = Tokens(keys, redactor, clock=clock)
        self._local = LocalModel(settings.home, link, clock=clock, env=os.environ)
        self.accounts = Accounts(
            Ports(
                registry=registry, keys=self._renewed, changes=keys.follow, meter=self.meter,
                opens=open_provider, price=price_of, context=context_of, local=self._local,
                random=random.random,
            ),
            default=settings.defaults_account,
            model=settings.defaults_model, env=os.environ,
        )  # fmt: skip

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Accounts can be asked. At the end every bill is written."""
        for chatty in CHATTY:
            logging.getLogger(chatty).setLevel(logging.WARNING)
        try:
            async with self._renewed, running(self._local.run()), self.accounts:
                yield
        finally:
            await self.meter.flush()
