# SPDX-License-Identifier: Apache-2.0
"""Requests to Keystone and to brokers, for ``usermsg-status``.

They take at most :data:`TIMEOUT` seconds, and change nothing.
"""

from concurrent import futures
import functools

from usermsg.api.middleware import identity_server
from usermsg.api.middleware import keystone
from usermsg.concurrency import bounded_call
from usermsg.conf import authtoken
from usermsg import exception
from usermsg.listener import source
from usermsg.notifications.drivers import loader
from usermsg.notifications.drivers.rabbit import connection
from usermsg.notifications.drivers.rabbit import settings

#: Maximum number of seconds for Keystone, and for all brokers together.
TIMEOUT = 5


class Unavailable(Exception):
    """Keystone does not validate tokens; the text is the reason."""


def has_account(conf):
    """Return True if an account in Keystone is configured."""
    authtoken.register_opts(conf)
    options = conf.keystone_authtoken
    return bool(options.auth_type or options.auth_section)


def fetch_roles(conf):
    """Get a token of the configured account, and let Keystone validate it.

    :returns: names of the account's roles, a list
    :raises usermsg.exception.ConfigurationError: ``[keystone_authtoken]`` is
        invalid
    :raises Unavailable: there was no token, or it was not validated
    """
    protocol = keystone.protect(None, conf)
    try:
        return bounded_call.Deadline(TIMEOUT).run(protocol.fetch_roles)
    except bounded_call.CallTimeout as error:
        raise Unavailable(str(error)) from None
    except Exception as error:
        raise Unavailable(identity_server.describe_error(error)) from None


def probe_brokers(conf, drivers):
    """Connect to the hosts of the brokers of drivers and of the listener.

    :param drivers: name -> driver
    :returns: a list of (driver or transport, address, reason of the failure
        or None)
    :raises usermsg.exception.ConfigurationError: a transport of the listener
        is invalid
    """
    brokers = {name: _probes(driver) for name, driver in drivers.items()}
    if conf.listener.enabled:
        brokers.update((f'listener transport {each.name}', each.probes())
                       for each in source.load(conf))
    hosts = [(name, address, probe) for name, probes in brokers.items()
             for address, probe in probes.items()]
    if not hosts:
        return []
    # At the same time, as several of them may be unavailable. The threads of
    # the executor, for which Python waits at exit, don't wait for a call that
    # hangs.
    deadline = bounded_call.Deadline(TIMEOUT, max_calls=len(hosts))
    with futures.ThreadPoolExecutor(len(hosts)) as executor:
        reasons = executor.map(
            lambda host: _run_probe(deadline, host[-1]), hosts)
    return [(name, address, reason) for (name, address, _probe), reason
            in zip(hosts, reasons)]


def _probes(driver):
    """Return functions that connect to the hosts of a driver's broker.

    :returns: see
        :func:`usermsg.notifications.drivers.rabbit.connection.probes`; empty
        for a driver without a broker, or of another package
    """
    if loader.reports_failures(driver):
        return driver.probes() if hasattr(driver, 'timeout_option') else {}
    try:
        broker = settings.Broker(driver.transport)
    except exception.ConfigurationError:
        return {}  # oslo.messaging supports others than RabbitMQ
    return connection.probes(broker)


def _run_probe(deadline, probe):
    try:
        # Less than the timeout, so that the reason is known.
        return deadline.run(functools.partial(probe, 0.8 * TIMEOUT))
    except bounded_call.CallTimeout as error:
        return str(error)
