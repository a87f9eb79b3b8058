# SPDX-License-Identifier: Apache-2.0
"""Number of the user's unread errors in the current project, cached.

Each open page asks for it again and again. So the number is cached, only one
request for it is sent at a time, and none for a while after a failure. A
service that fails is left alone by all users, because each timeout occupies a
worker of Horizon.
"""

import dataclasses

from django.core.cache import cache
from horizon import exceptions as horizon_exceptions
from keystoneauth1 import exceptions
from openstack_dashboard.api import base

from usermsg_dashboard import cache_keys
from usermsg_dashboard import client
from usermsg_dashboard import options

#: Seconds for connecting and reading together.
TIMEOUT = 1.0

#: Seconds for which other requests don't read the number as well.
_RESERVATION = 2

_LEVEL = 'ERROR'
_REQUESTED = 'requested'
_FAILED = 'failed'
_SERVICE_FAILURES = (exceptions.ConnectionError, exceptions.RequestTimeout,
                     exceptions.HttpServerError)


@dataclasses.dataclass(frozen=True)
class UnreadErrors:
    """Number of unread errors.

    :param number: None if it is unknown
    :param more: True if there are at least as many
    :param delay: seconds after which to read it again
    :param failed: True if it is unknown because of a failure
    """

    number: int | None
    more: bool
    delay: int
    failed: bool = False


def read(request):
    """Return the :class:`UnreadErrors` of a request's user and project.

    :raises horizon.exceptions.ServiceCatalogException: the region has no user
        messages service
    """
    entry = _CacheEntry(request)
    cached = entry.read()
    if cached:
        return cached
    if not entry.reserve():
        return _unknown(_RESERVATION)
    try:
        count = client.MessageClient(request, TIMEOUT).count_unread(_LEVEL)
    except (exceptions.ClientException,
            horizon_exceptions.NotAuthenticated) as error:
        entry.fail(isinstance(error, _SERVICE_FAILURES))
        return _failure()
    return entry.store(count)


def read_cached(request):
    """Return the cached :class:`UnreadErrors`, without any request."""
    return _CacheEntry(request).read() or _unknown(delay=0)


def forget(request):
    """Remove the cached number, which the user has just changed."""
    _CacheEntry(request).remove()


class _CacheEntry:
    """Cached number of a user in a project and region."""

    def __init__(self, request):
        endpoint = base.url_for(request, client.SERVICE_TYPE)
        self._service = cache_keys.build('failure', endpoint)
        self._user = cache_keys.build(
            'unread-errors', endpoint, request.user.id,
            request.user.project_id)

    def read(self):
        values = cache.get_many([self._user, self._service])
        if _FAILED in values.values():
            return _failure()
        if self._user not in values:
            return None
        if values[self._user] == _REQUESTED:
            return _unknown(_RESERVATION)
        number, more = values[self._user]
        return UnreadErrors(number, more, options.badge_interval())

    def reserve(self):
        """Return True if no other request for the number is being sent."""
        return cache.add(self._user, _REQUESTED, _RESERVATION)

    def store(self, count):
        # At least a second: memcached keeps what has no whole second.
        cache.set(self._user, (count.number, count.more),
                  max(1, options.badge_interval() // 2))
        return UnreadErrors(count.number, count.more, options.badge_interval())

    def fail(self, for_all_users):
        cache.set(self._service if for_all_users else self._user, _FAILED,
                  options.badge_pause())

    def remove(self):
        cache.delete(self._user)


def _unknown(delay):
    return UnreadErrors(None, False, delay)


def _failure():
    return UnreadErrors(None, False, options.badge_pause(), failed=True)
