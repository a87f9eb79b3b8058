# SPDX-License-Identifier: Apache-2.0
"""Cache of valid tokens, limited in time and size."""

import dataclasses
import hashlib
import operator
import threading
import time

import cachetools
import orjson

# Bytes of one token in memory, with its key and the cache's overhead.
_TOKEN_SIZE = 4096
_CACHED_TOKENS = 10_000
_CACHE_SIZE = _CACHED_TOKENS * _TOKEN_SIZE


@dataclasses.dataclass
class Token:
    """A valid token.

    :param data: Keystone's data of the token, as JSON
    :param identity: the resulting identity keys of a WSGI environment, if
        they are the same for each request with this token; otherwise None
    :param expires: expiry of the token, in seconds since the Epoch
    """

    data: bytes
    identity: dict | None = None
    expires: float = 0

    @property
    def size(self):
        """Upper bound of its size in memory in bytes, with ``identity``."""
        return max(_TOKEN_SIZE, _TOKEN_SIZE // 2 + 2 * len(self.data))


class TokenCache:
    """Replacement for keystonemiddleware's token cache.

    That one exists once per thread, has no size limit, and goes through all
    its tokens in each lookup.

    :param seconds: time to live; less than 1 disables the cache
    """

    def __init__(self, seconds):
        self._tokens = cachetools.TTLCache(
            _CACHE_SIZE if seconds > 0 else 0, max(seconds, 0),
            getsizeof=operator.attrgetter('size'))
        self._lock = threading.Lock()

    def initialize(self, environ):
        """Do nothing; keystonemiddleware calls it for each request."""

    def get(self, token):
        cached = self._find(token)
        return cached and orjson.loads(cached.data)

    def set(self, token, data):
        # As JSON it takes less memory, and callers can't modify it.
        cached = Token(orjson.dumps(data))
        with self._lock:
            if cached.size <= self._tokens.maxsize:
                self._tokens[_key(token)] = cached

    def discard(self, token):
        """:param token: value of a header, with spaces around it, or None"""
        with self._lock:
            self._tokens.pop(_key((token or '').strip()), None)

    def identity(self, environ):
        """Return the cached identity keys for a request's token, or None."""
        token = environ.get('HTTP_X_AUTH_TOKEN')
        if not token or 'HTTP_X_SERVICE_TOKEN' in environ:
            return None
        cached = self._find(token)
        if cached is None or cached.expires <= time.time():
            return None
        return cached.identity

    def set_identity(self, token, identity, expires):
        """Store the identity keys of a cached token; see :class:`Token`."""
        cached = self._find(token)
        if cached is not None:
            cached.identity, cached.expires = identity, expires

    def _find(self, token):
        with self._lock:
            return self._tokens.get(_key(token))


def _key(token):
    return hashlib.sha256(token.encode()).digest()
