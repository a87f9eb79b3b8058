# SPDX-License-Identifier: Apache-2.0
"""Sending at once, without an outbox."""

from usermsg.concurrency import bounded_call
from usermsg.notifications.drivers import loader
from usermsg.notifications import errors

#: Seconds that a driver has. Ours say if they may take longer; others may
#: never give up.
TIMEOUT = 60

#: Seconds that one of ours has for saying so when it has given up.
_GRACE = 5


class Direct:
    """Hands notifications to drivers, and waits for what becomes of them.

    What isn't delivered then is lost, unless whoever sent it tries again. Safe
    to share between threads.

    :param drivers: of :func:`usermsg.notifications.drivers.loader.load`
    :param timeout: seconds that each driver has at most, unless it says that
        it may take longer
    """

    def __init__(self, drivers, timeout=TIMEOUT):
        # A place of its own each, so that one that hangs stops no other.
        self._drivers = {}
        for name, driver in drivers.items():
            own = loader.timeout(driver)
            seconds = max(timeout, own + _GRACE) if own else timeout
            self._drivers[name] = driver, bounded_call.Deadline(
                seconds, name=f'notify-{name}')

    def send(self, notification):
        """Deliver a :class:`usermsg.notifications.notification.Notification`.

        :raises usermsg.notifications.errors.Rejected: no driver that did not
            deliver it ever will; names them
        :raises usermsg.notifications.errors.NotDelivered: some driver did
            not; names them. All have been tried.
        """
        failures = {name: error
                    for name, error in self.outcomes(notification)
                    if error is not None}
        if not failures:
            return
        kind = errors.Rejected if all(
            isinstance(error, errors.Rejected)
            for error in failures.values()) else errors.NotDelivered
        raise kind('; '.join(f'{name}: {error}'
                             for name, error in failures.items()))

    def outcomes(self, notification):
        """Through one driver after the other.

        :returns: an iterator of (name, None or the
            :class:`usermsg.notifications.errors.NotDelivered`)
        """
        body = notification.body()
        for name, (driver, bound) in self._drivers.items():
            yield name, self._outcome(driver, bound, body)

    def _outcome(self, driver, bound, body):
        try:
            bound.run(lambda: driver.notify(
                {}, body, body['priority'], 0))
        except errors.NotDelivered as error:
            return error
        except bounded_call.CallTimeout as error:
            return errors.NotDelivered(str(error))
        except Exception as error:
            # A driver of somebody else's. Its words could hold the payload.
            return errors.NotDelivered(type(error).__name__)
        return None
