# SPDX-License-Identifier: Apache-2.0
"""Requests to Keystone, of which a process waits for one at most.

While Keystone doesn't respond, one thread at a time asks it, and the others
fail at once: else all threads of the process would soon wait for it, and those
whose tokens are known would wait for them.
"""

import threading
import time

from keystoneauth1 import exceptions
from keystonemiddleware import auth_token
from oslo_log import log

LOG = log.getLogger(__name__)

# Longer than any that Keystone makes, and what the servers before Keystone
# take; they would respond with an error of their own, or not at all.
_LONGEST_TOKEN = 8000

# Seconds; a failure that takes longer is a timeout.
_LONG = 1

# Errors whose text doesn't repeat a token or a response.
_KNOWN = (exceptions.ClientException, auth_token.ServiceError)


class Unavailable(Exception):
    """Keystone can't say now whether a token is valid."""


class IdentityServer:
    """Keystone, in place of keystonemiddleware's own.

    :param server: keystonemiddleware's
    :param clock: returns a time in seconds
    """

    def __init__(self, server, clock=time.monotonic):
        self._server = server
        self._clock = clock
        self._timed_out = False
        self._turn = threading.Lock()

    def verify_token(self, token, **options):
        """The data of a token, as Keystone sends them.

        :raises keystonemiddleware.auth_token.InvalidToken: it isn't one
        :raises Unavailable: Keystone can't be asked
        """
        if not (0 < len(token) <= _LONGEST_TOKEN and token.isascii() and
                token.isprintable()):
            raise auth_token.InvalidToken()
        if not self._timed_out:
            return self._ask(token, options)
        if not self._turn.acquire(blocking=False):
            raise Unavailable()
        try:
            return self._ask(token, options)
        finally:
            self._turn.release()

    def _ask(self, token, options):
        timed_out = False
        started = self._clock()
        try:
            return self._server.verify_token(token, **options)
        except auth_token.InvalidToken:
            raise
        # What isn't Keystone, such as a proxy, makes its libraries fail in
        # any way.
        except Exception as error:
            # Not by the class of the error alone: a resolver that doesn't
            # respond has one of many.
            timed_out = (isinstance(error, exceptions.ConnectTimeout) or
                         self._clock() - started > _LONG)
            known = isinstance(error, _KNOWN)
            if not known or isinstance(error, exceptions.EndpointNotFound):
                # Discover Keystone again, with another token of our own: this
                # one may be what can't be used.
                self._server.invalidate()
            LOG.error('Keystone could not be asked about a token: %s%s',
                      type(error).__name__, f': {error}' if known else '')
            raise Unavailable() from error
        finally:
            self._timed_out = timed_out
