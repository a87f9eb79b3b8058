# SPDX-License-Identifier: Apache-2.0
"""The configured hosts, and the order and delay of connection attempts."""

import collections
import random
from urllib import parse

from usermsg import exception
from usermsg.notifications.drivers import host

_PORTS = {'amqp': 5672, 'amqps': 5671}


def read(text):
    """Return the hosts that the option ``hosts`` lists, a tuple.

    :raises usermsg.exception.ConfigurationError: one of the URLs is invalid;
        the error contains its position and the reason, but not the URL, which
        may contain a password
    """
    urls = [url.strip() for url in text.split(',')]
    return tuple(_read(url, number) for number, url in enumerate(urls, 1))


def _read(text, number):
    try:
        url = parse.urlsplit(text)
        port = url.port
        username, password = (
            value and parse.unquote(value, errors='strict')
            for value in (url.username, url.password))
    except UnicodeDecodeError:
        raise _error(number, 'has a user name or a password that is not '
                             'UTF-8') from None
    except ValueError:
        raise _error(number, 'is not a valid URL, or its port is not a '
                             'number up to 65535') from None
    if url.scheme not in _PORTS:
        raise _error(number, 'does not begin with amqp:// or amqps://')
    if not url.hostname or port == 0:
        raise _error(number, 'has no host, or the port 0')
    if not text.isprintable() or ' ' in text:
        raise _error(number, 'contains blanks or control characters')
    if url.path not in ('', '/') or url.query or url.fragment:
        raise _error(number, 'contains a path, a query or a fragment; use the '
                             'option vhost for a virtual host')
    if bool(url.username) != bool(url.password):
        raise _error(number, 'has a user name without a password, or a '
                             'password without a user name')
    if '\0' in (username or '') + (password or ''):
        raise _error(number, 'has a null character in its user name or its '
                             'password')
    return host.Host(url.hostname, port or _PORTS[url.scheme],
                     url.scheme == 'amqps', username or None,
                     password or None)


def _error(number, reason):
    return exception.ConfigurationError(
        f'[oslo_messaging_qpid] hosts: URL number {number} {reason}.')


class Rotation:
    """The host to try next, and the delay before the attempt.

    :param hosts: at least one
    :param min_backoff: maximum delay in seconds after all hosts have failed
        for the first time; it doubles with each further cycle
    :param max_backoff: upper limit of the delay, in seconds
    :param jitter: function without arguments that returns a number from 0 to
        1
    """

    def __init__(self, hosts, min_backoff, max_backoff, jitter=random.random):
        self._hosts = collections.deque(hosts)
        # Otherwise all processes of a cloud would choose the same host.
        self._hosts.rotate(-int(jitter() * len(self._hosts)))
        self._min_backoff = min_backoff
        self._max_backoff = max(min_backoff, max_backoff)
        self._jitter = jitter
        self._failures = 0

    def host(self):
        """Return the host to try now."""
        return self._hosts[0]

    @property
    def failed_cycles(self):
        """Number of times that all hosts failed since the last success."""
        return self._failures // len(self._hosts)

    def record_failure(self):
        """Move on to the next host; return the delay before it, in seconds."""
        self._hosts.rotate(-1)
        self._failures += 1
        cycles, rest = divmod(self._failures, len(self._hosts))
        if rest:
            return 0.0
        backoff = min(self._max_backoff,
                      self._min_backoff * 2 ** min(cycles - 1, 30))
        # Up to 50 % less, so that not all clients reconnect at once.
        return backoff * (1 - self._jitter() / 2)

    def record_success(self):
        """Stay with the current host, and reset the backoff."""
        self._failures = 0
