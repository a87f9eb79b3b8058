# SPDX-License-Identifier: Apache-2.0
"""Token validation by Keystone, with at most one thread waiting for it.

While Keystone is timing out, one thread at a time sends it a request, and the
others fail at once: otherwise all threads of the process would soon wait for
Keystone, and requests with cached tokens would wait for a thread.
"""

import re
import threading
import time

from keystoneauth1 import exceptions
from keystonemiddleware import auth_token
from oslo_log import log

from usermsg.api.middleware import bounded_log

LOG = log.getLogger(__name__)

# Longer than any token that Keystone issues, and within the header limit of
# the servers in front of Keystone; to a longer header they would respond with
# their own error, or not at all.
_LONGEST_TOKEN = 8000

# Seconds; a failure that takes longer is considered a timeout.
_TIMEOUT_THRESHOLD = 1

_CREDENTIALS = re.compile(r'//[^/\s]*@')

# Errors whose text doesn't contain a token or a response.
_LOGGABLE = (exceptions.ClientException, auth_token.ServiceError)


class Unavailable(Exception):
    """Keystone is unavailable, so a token can't be validated."""


def describe_error(error):
    """Return the class of an error of Keystone, and its text if it is safe.

    The text of other errors may contain a token or a response.
    """
    if isinstance(error, Unavailable):
        error = error.__cause__ or error
    text = type(error).__name__
    if isinstance(error, _LOGGABLE):
        # auth_url may contain a password.
        text += f': {_CREDENTIALS.sub("//", str(error))}'
    return text


class IdentityServer:
    """Replacement for keystonemiddleware's identity server.

    :param server: keystonemiddleware's identity server
    :param clock: function that returns a time in seconds
    """

    def __init__(self, server, clock=time.monotonic):
        self._server = server
        self._clock = clock
        self._log = bounded_log.BoundedLog(LOG)
        self._timed_out = False
        self._retry_lock = threading.Lock()

    def verify_token(self, token, **options):
        """Return the data of a token, as Keystone sends them.

        :raises keystonemiddleware.auth_token.InvalidToken: the token isn't
            valid
        :raises Unavailable: Keystone is unavailable
        """
        if not (0 < len(token) <= _LONGEST_TOKEN and token.isascii() and
                token.isprintable()):
            raise auth_token.InvalidToken()
        if not self._timed_out:
            return self._verify(token, options)
        if not self._retry_lock.acquire(blocking=False):
            raise Unavailable()
        try:
            return self._verify(token, options)
        finally:
            self._retry_lock.release()

    def _verify(self, token, options):
        timed_out = False
        started = self._clock()
        try:
            return self._server.verify_token(token, **options)
        except auth_token.InvalidToken:
            raise
        # A response that isn't Keystone's, such as a proxy's, can make the
        # client libraries raise anything.
        except Exception as error:
            # Not by the class of the error alone: an unresponsive DNS
            # resolver can cause errors of many classes.
            timed_out = (isinstance(error, exceptions.ConnectTimeout) or
                         self._clock() - started > _TIMEOUT_THRESHOLD)
            if (not isinstance(error, _LOGGABLE) or
                    isinstance(error, exceptions.EndpointNotFound)):
                # Repeat the discovery of Keystone, with a new service token:
                # the present one may be the cause.
                self._server.invalidate()
            self._log.error('Keystone could not validate a token: %s',
                            describe_error(error))
            raise Unavailable() from error
        finally:
            self._timed_out = timed_out
