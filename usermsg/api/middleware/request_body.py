# SPDX-License-Identifier: Apache-2.0
"""The body of a request, of which nothing is left when the response goes out.

uWSGI and gunicorn close a connection on which unread data has arrived, and the
kernel then resets it: a proxy or a client that is still sending loses the
response, and nginx says 502 in its place. No option of theirs prevents this
for every server; reading the rest does.
"""

import math

#: How many times the longest body a client may send and still be sure to see
#: why it is refused; and bytes that it may send in any case, as a proxy in
#: front may have a limit of its own.
MAX_EXCESS = 16
LEAST_EXCESS = 16 * 1024 * 1024

_PART = 64 * 1024


class Consumed:
    """WSGI middleware that reads what the application leaves of a body.

    :param limit: of the length of a body that is accepted, in bytes
    """

    def __init__(self, app, limit):
        self._app = app
        self._longest = max(MAX_EXCESS * limit, LEAST_EXCESS)

    def __call__(self, environ, start_response):
        body = environ['wsgi.input'] = _Body(
            environ['wsgi.input'], _length(environ))
        # Servers send nothing before they iterate over it.
        response = self._app(environ, start_response)
        body.consume(self._longest)
        return response


class _Body:
    """A stream that ends where the body does, or where it can't be read."""

    def __init__(self, stream, length):
        self._stream = stream
        self._left = length

    def read(self, size=-1):
        size = self._left if size < 0 else min(size, self._left)
        if not size:
            return b''
        # Unless it is read. To try again would be to wait again.
        left, self._left = self._left, 0
        data = self._stream.read(-1 if size == math.inf else size)
        if data:
            self._left = left - len(data)
        return data

    def consume(self, size):
        try:
            while size > 0 and (data := self.read(_PART)):
                size -= len(data)
        except Exception:  # each server has its own
            return  # The client is gone, or sends what is no body.


def _length(environ):
    length = environ.get('CONTENT_LENGTH', '')
    if length:
        # No body is as long as a number of more digits; Python refuses some.
        return int(length) if length.isdecimal() and len(length) < 20 else 0
    return math.inf if environ.get('wsgi.input_terminated') else 0
