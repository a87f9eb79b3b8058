# SPDX-License-Identifier: Apache-2.0
"""Tokens that Keystone knows, for a while, within bounds."""

import dataclasses
import hashlib
import operator
import threading
import time

import cachetools
import orjson

# Bytes, with all that is kept of a token and to find it.
_TOKEN_SIZE = 4096
_CACHED_TOKENS = 10_000
_CACHE_SIZE = _CACHED_TOKENS * _TOKEN_SIZE


@dataclasses.dataclass
class Token:
    """A token that Keystone knows.

    :param data: of Keystone, as JSON
    :param identity: what they are in the environment of a request, if this
        is the same for each request with this token
    :param expires: when the token does, in seconds of the Epoch
    """

    data: bytes
    identity: dict | None = None
    expires: float = 0

    @property
    def size(self):
        """Bytes that it takes at most, with ``identity``."""
        return max(_TOKEN_SIZE, _TOKEN_SIZE // 2 + 2 * len(self.data))


class TokenCache:
    """The data of tokens, in place of keystonemiddleware's own cache.

    That one is made for each of the threads, has no bound, and looks at all
    its tokens each time it is asked for one.

    :param seconds: how long; less than 1 for not at all
    """

    def __init__(self, seconds):
        self._tokens = cachetools.TTLCache(
            _CACHE_SIZE if seconds > 0 else 0, max(seconds, 0),
            getsizeof=operator.attrgetter('size'))
        self._lock = threading.Lock()

    def initialize(self, environ):
        """Nothing to do; keystonemiddleware calls it on each request."""

    def get(self, token):
        found = self._find(token)
        return found and orjson.loads(found.data)

    def set(self, token, data):
        # Nobody can change what is kept, and it takes less room.
        found = Token(orjson.dumps(data))
        with self._lock:
            if found.size <= self._tokens.maxsize:
                self._tokens[_key(token)] = found

    def forget(self, token):
        """:param token: as a header has it; None or with blanks around it"""
        with self._lock:
            self._tokens.pop(_key((token or '').strip()), None)

    def identity(self, environ):
        """What a request's token means in its environment, None if unknown."""
        token = environ.get('HTTP_X_AUTH_TOKEN')
        if not token or 'HTTP_X_SERVICE_TOKEN' in environ:
            return None
        found = self._find(token)
        if found is None or found.expires <= time.time():
            return None
        return found.identity

    def set_identity(self, token, identity, expires):
        """Keep it as long as the token is kept; see :class:`Token`."""
        found = self._find(token)
        if found is not None:
            found.identity, found.expires = identity, expires

    def _find(self, token):
        with self._lock:
            return self._tokens.get(_key(token))


def _key(token):
    return hashlib.sha256(token.encode()).digest()
