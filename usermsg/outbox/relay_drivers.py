# SPDX-License-Identifier: Apache-2.0
"""The drivers of a relay, which has a lease for some time only."""

from usermsg import exception
from usermsg.notifications.drivers import loader
from usermsg.outbox import delivery


def load(conf):
    """All drivers that are configured, as for anyone who sends.

    A driver that we can't wait for would deliver the same again and again.

    :returns: as :func:`usermsg.notifications.drivers.loader.load`
    :raises usermsg.exception.ConfigurationError: also, if one may take too
        long
    """
    drivers = loader.load(conf)
    most = delivery.longest(conf.relay.lease)
    for driver in drivers.values():
        if loader.patience(driver) > most:
            loader.close(drivers)
            raise exception.ConfigurationError(
                f'{driver.patience_option}: {driver.patience:g} seconds are '
                f'too many for usermsg-worker, which can wait for a third of '
                f'[relay] lease at most: {most:g} seconds.')
    return drivers


def check(conf):
    """See :func:`load`, for whoever only wants to know."""
    loader.close(load(conf))
