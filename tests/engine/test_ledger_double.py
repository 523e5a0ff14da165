"""The ledger that stands in for the disk keeps the contract of the real one."""

from __future__ import annotations

import pytest

from p42.model.ledger import Ledger
from tests.engine.home import MemoryLedger
from tests.stores.contract import LedgerContract


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def ledger(self) -> Ledger:
        return MemoryLedger()
