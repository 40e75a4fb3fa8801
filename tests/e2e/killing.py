"""Kills a service amid its calls."""

import asyncio
import math
import random
import time

from ordersaga_local.stage import Process

from .play import Play, until

READING = '"event":"reading"'
OPEN = "SELECT merchant, subject, extract(epoch FROM calling_since)::float8 FROM orders WHERE calling_since IS NOT NULL"
"""Orders whose lease isn't settled, and since when."""


async def _unsettled(play: Play, started: float) -> int:
    """How many calls sent since then have taken effect at the provider, but aren't settled in the database."""
    since = {(merchant, subject): max(at, started) for merchant, subject, at in await play.rows(OPEN)}
    effects = [(effect["account"], effect["merchant_reference1"], effect["at"]) for effect in play.sandbox.effects()]
    return sum(at >= since.get((account, subject), math.inf) for account, subject, at in effects)


async def kill(play: Play, service: Process, dice: random.Random, *, reading: bool) -> int:
    """Kills it at a random time after its calls have begun. How many were unsettled. `reading`: not before the intake works.

    The intake works only after Kafka has removed the member that was killed before.
    """
    started, before, met = time.time(), len(play.sandbox.requests()), play.logged().count(READING)
    if reading:
        await until(lambda: play.logged().count(READING) > met, 20, play.logged)
    await until(lambda: len(play.sandbox.requests()) >= before + 3, 20, lambda: f"no calls: {play.logged()[-3000:]}")
    await asyncio.sleep(dice.uniform(0, 0.4))
    await asyncio.to_thread(service.kill)
    return await _unsettled(play, started)
