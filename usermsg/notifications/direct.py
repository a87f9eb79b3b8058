# SPDX-License-Identifier: Apache-2.0
"""Synchronous delivery of notifications, without an outbox."""

from usermsg.concurrency import bounded_call
from usermsg.notifications.drivers import loader
from usermsg.notifications import errors

#: Seconds that a driver may take. The drivers of usermsg declare a longer
#: timeout; those of other packages may never give up.
TIMEOUT = 60

#: Seconds that a driver of usermsg has after its timeout to report it.
_GRACE = 5


class Direct:
    """Sink that passes notifications to drivers and waits for the results.

    A notification that isn't delivered is lost, unless the caller sends it
    again. Thread-safe.

    :param drivers: mapping returned by
        :func:`usermsg.notifications.drivers.loader.load`
    :param timeout: maximum of each driver in seconds, unless the driver
        declares a longer one
    """

    def __init__(self, drivers, timeout=TIMEOUT):
        # One Deadline per driver, so that a driver that hangs doesn't stop
        # the others.
        self._drivers = {}
        for name, driver in drivers.items():
            declared = loader.timeout(driver)
            seconds = (max(timeout, declared + _GRACE) if declared
                       else timeout)
            self._drivers[name] = driver, bounded_call.Deadline(
                seconds, name=f'notify-{name}')

    def send(self, notification):
        """Deliver a :class:`usermsg.notifications.notification.Notification`.

        All drivers are tried; the error names those that failed.

        :raises usermsg.notifications.errors.Rejected: every driver that
            failed rejects this notification permanently
        :raises usermsg.notifications.errors.NotDelivered: a driver failed,
            and another attempt may succeed
        """
        failures = {name: error
                    for name, error in self.deliver(notification)
                    if error is not None}
        if not failures:
            return
        kind = errors.Rejected if all(
            isinstance(error, errors.Rejected)
            for error in failures.values()) else errors.NotDelivered
        raise kind('; '.join(f'{name}: {error}'
                             for name, error in failures.items()))

    def deliver(self, notification):
        """Deliver through one driver after the other.

        :returns: an iterator of (name of the driver, error), where error is
            a :class:`usermsg.notifications.errors.NotDelivered`, or None if
            the notification was delivered
        """
        body = notification.body()
        for name, (driver, bound) in self._drivers.items():
            yield name, self._notify(driver, bound, body)

    def _notify(self, driver, bound, body):
        try:
            bound.run(lambda: driver.notify(
                {}, body, body['priority'], 0))
        except errors.NotDelivered as error:
            return error
        except bounded_call.CallTimeout as error:
            return errors.NotDelivered(str(error))
        except Exception as error:
            # From a driver of another package. The text of its error could
            # contain the payload.
            return errors.NotDelivered(type(error).__name__)
        return None
