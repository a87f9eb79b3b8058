# SPDX-License-Identifier: Apache-2.0
"""Handing notifications to one driver, many at a time."""

import concurrent.futures
import time

from usermsg.notifications import errors


def longest(lease):
    """Seconds that a batch may take: a third of what its lease lasts.

    As long can have passed since that was renewed, and a driver that makes us
    wait before it takes the last one may need as long again.

    :param lease: seconds
    """
    return lease / 3


class Delivery:
    """Sends through a driver and says what became of each.

    A driver with ``submit`` gets all of them at once and confirms them in
    any order; another gets one after the other.

    :param driver: see :mod:`usermsg.notifications.drivers.loader`
    :param patience: seconds that sending a batch takes at most, apart from
        what the driver itself makes us wait for one of them
    """

    def __init__(self, driver, patience):
        self._driver = driver
        self._patience = patience

    def send(self, bodies, stop):
        """Send notifications in their order.

        :param bodies: id -> the six fields
        :param stop: an event; once it is set no other is begun
        :returns: id -> None, if it was delivered, or the
            :class:`usermsg.notifications.errors.NotDelivered`; those that
            were not tried are not there, but the first one is
        """
        if hasattr(self._driver, 'submit'):
            return self._all_at_once(bodies)
        return self._one_by_one(bodies, stop)

    def _one_by_one(self, bodies, stop):
        outcomes = {}
        end = time.monotonic() + self._patience
        for ident, body in bodies.items():
            outcomes[ident] = error = _outcome(
                self._driver.notify, {}, body, body['priority'], 0)
            # A broker that is away would make each of them wait.
            if (isinstance(error, errors.NotDelivered) and
                    not isinstance(error, errors.Refused)):
                break
            if stop.is_set() or time.monotonic() > end:
                break
        return outcomes

    def _all_at_once(self, bodies):
        under_way = {}
        outcomes = {}
        end = time.monotonic() + self._patience
        for ident, body in bodies.items():
            # The driver may take one only when it has room again.
            if (under_way or outcomes) and time.monotonic() > end:
                break
            try:
                under_way[ident] = self._driver.submit(
                    {}, body, body['priority'])
            except Exception as error:
                outcomes[ident] = _as_failure(error)
        # Less if the driver has made us wait until it took the last one.
        left = end + self._patience - time.monotonic()
        concurrent.futures.wait(
            under_way.values(), max(0, min(left, self._patience)))
        for ident, future in under_way.items():
            future.cancel()
            outcomes[ident] = (_outcome(future.result, 0) if future.done()
                               else _unconfirmed())
        return outcomes


def _outcome(call, *arguments):
    try:
        call(*arguments)
    except concurrent.futures.CancelledError:
        return _unconfirmed()
    except BaseException as error:
        # Also what would end this thread without a word.
        return _as_failure(error)
    return None


def _as_failure(error):
    if isinstance(error, errors.NotDelivered):
        return error
    # A driver of somebody else's. Its words could hold the payload.
    return errors.NotDelivered(type(error).__name__)


def _unconfirmed():
    return errors.NotDelivered('no confirmation in time')
