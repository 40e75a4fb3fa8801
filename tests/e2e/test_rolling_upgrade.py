"""An upgrade under load, replica by replica, with a migration before it: nothing is lost or doubled, and work goes on."""

import asyncio
from collections.abc import Callable

import pytest

from .conftest import Opening
from .play import Play, until
from .rolling import NEWER, Upgrade

Say = Callable[[str], None]
BY_DEFAULT = {"ORDERSAGA_LEASE": "30", "ORDERSAGA_INTAKE__SESSION_TIMEOUT": "45"}
"""As in production: what a stopped replica leaves to expire would be waited for."""
APART = (("intake",), ("worker",), ("relay",))
STANDS = "a partition stands until another process takes it"
CALLING = "SELECT subject FROM orders WHERE calling_since IS NOT NULL AND lease_owner LIKE $1 || ':%'"


async def a_new_one_does_not_start(play: Play) -> None:
    early = play.service("early", script=NEWER)
    assert await asyncio.to_thread(early.wait, 30) == 2
    assert "orders.newer" in early.text()


@pytest.mark.long
async def test_up_back_and_up_again_replica_by_replica(opened: Opening, say: Say) -> None:
    async with opened(BY_DEFAULT, call_deadline=10.0) as play:
        upgrade = Upgrade(play)
        loading = await upgrade.start()
        await a_new_one_does_not_start(play)
        await upgrade.migrate()
        await upgrade.roll("upgrade", NEWER)
        assert STANDS not in play.logged("old-all-1", "old-all-2"), "the new one reads what the old ones can't"
        await upgrade.roll("way back", None)
        await upgrade.roll("upgrade again", NEWER)
        assert await upgrade.finish(loading, say) == []
        assert upgrade.repeated() == []


@pytest.mark.long
async def test_roles_apart_are_upgraded_at_the_same_time(opened: Opening, say: Say) -> None:
    async with opened(BY_DEFAULT, call_deadline=10.0) as play:
        upgrade = Upgrade(play, APART)
        loading = await upgrade.start()
        await upgrade.migrate()
        await upgrade.roll("upgrade", NEWER)
        assert await upgrade.finish(loading, say) == []
        assert upgrade.repeated() == []


@pytest.mark.long
async def test_an_old_replica_that_is_killed_amid_the_upgrade_and_comes_back(opened: Opening, say: Say) -> None:
    async with opened() as play:
        upgrade = Upgrade(play)
        loading = await upgrade.start()
        await upgrade.migrate()
        killed = upgrade.deployments[0].replicas[1].process
        rolling = asyncio.create_task(upgrade.roll("upgrade", NEWER))
        await until((play.stage.folder / "new-all-3.log").exists, 10, "no new replica")
        killed.kill()
        assert await play.rows(CALLING, killed.name), "it had calls under way"
        killed.start()
        await rolling
        assert await upgrade.finish(loading, say) == []
