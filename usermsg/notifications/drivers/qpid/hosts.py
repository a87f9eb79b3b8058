# SPDX-License-Identifier: Apache-2.0
"""The servers: their addresses, and when to try which."""

import collections
import random
from urllib import parse

from usermsg import exception
from usermsg.notifications.drivers import host

_PORTS = {'amqp': 5672, 'amqps': 5671}


def read(text):
    """The hosts that the option ``hosts`` lists, a tuple.

    :raises usermsg.exception.ConfigurationError: says which of them is
        wrong and why, without repeating it: it may hold a password
    """
    addresses = [address.strip() for address in text.split(',')]
    return tuple(_read(address, number)
                 for number, address in enumerate(addresses, 1))


def _read(text, number):
    try:
        url = parse.urlsplit(text)
        port = url.port
        username, password = (
            value and parse.unquote(value, errors='strict')
            for value in (url.username, url.password))
    except UnicodeDecodeError:
        raise _bad(number, 'has a user name or a password that is not '
                           'UTF-8') from None
    except ValueError:
        raise _bad(number, 'is not an address, or its port not a number '
                           'up to 65535') from None
    if url.scheme not in _PORTS:
        raise _bad(number, 'does not begin with amqp:// or amqps://')
    if not url.hostname or port == 0:
        raise _bad(number, 'names no host, or port 0')
    if not text.isprintable() or ' ' in text:
        raise _bad(number, 'has blanks or control characters in it')
    if url.path not in ('', '/') or url.query or url.fragment:
        raise _bad(number, 'has something after the port; for a virtual '
                           'host there is the option vhost')
    if bool(url.username) != bool(url.password):
        raise _bad(number, 'has a user name without a password, or a '
                           'password without a user name')
    if '\0' in (username or '') + (password or ''):
        raise _bad(number, 'has a zero in its user name or its password')
    return host.Host(url.hostname, port or _PORTS[url.scheme],
                     url.scheme == 'amqps', username or None,
                     password or None)


def _bad(number, reason):
    return exception.ConfigurationError(
        f'[oslo_messaging_qpid] hosts: address number {number} {reason}.')


class Rotation:
    """Which host to try next, and when.

    :param hosts: at least one
    :param shortest: how many seconds to wait after the first time that all
        have failed, at most
    :param longest: how many that becomes
    :param jitter: a function without arguments; returns 0 to 1
    """

    def __init__(self, hosts, shortest, longest, jitter=random.random):
        self._hosts = collections.deque(hosts)
        # Else all processes of a cloud would choose the same host.
        self._hosts.rotate(-int(jitter() * len(self._hosts)))
        self._shortest = shortest
        self._longest = max(shortest, longest)
        self._jitter = jitter
        self._failed = 0

    def host(self):
        """The one to try now."""
        return self._hosts[0]

    @property
    def rounds(self):
        """How often all have failed since one worked."""
        return self._failed // len(self._hosts)

    def failed(self):
        """Take the next one; returns how many seconds to wait before."""
        self._hosts.rotate(-1)
        self._failed += 1
        rounds, rest = divmod(self._failed, len(self._hosts))
        if rest:
            return 0.0
        wait = min(self._longest, self._shortest * 2 ** min(rounds - 1, 30))
        # Up to half less, so that not all come back at once.
        return wait * (1 - self._jitter() / 2)

    def worked(self):
        """The present one is good: stay with it."""
        self._failed = 0
