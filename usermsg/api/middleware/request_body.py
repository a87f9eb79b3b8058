# SPDX-License-Identifier: Apache-2.0
"""Middleware that reads the rest of a request body before the response.

uWSGI and gunicorn close a connection on which unread data has arrived, and the
kernel then resets it: a proxy or a client that is still sending loses the
response, and nginx returns 502 in its place. No option of theirs prevents this
for every server; reading the rest does.
"""

import math

#: A longer body than the limit is read up to this multiple of the limit, so
#: that the client receives the error response; and at least this number of
#: bytes is read, because a proxy in front may have another limit.
MAX_EXCESS = 16
MIN_EXCESS = 16 * 1024 * 1024

_PART = 64 * 1024


class BodyConsumer:
    """WSGI middleware that reads what the application leaves of a body.

    :param limit: bytes of the longest body that the application accepts
    """

    def __init__(self, app, limit):
        self._app = app
        self._max_length = max(MAX_EXCESS * limit, MIN_EXCESS)

    def __call__(self, environ, start_response):
        body = environ['wsgi.input'] = _Body(
            environ['wsgi.input'], _length(environ))
        # Servers send nothing before they iterate over the response.
        response = self._app(environ, start_response)
        body.consume(self._max_length)
        return response


class _Body:
    """Stream that ends at the end of the body, or at the first read error."""

    def __init__(self, stream, length):
        self._stream = stream
        self._remaining = length

    def read(self, size=-1):
        size = self._remaining if size < 0 else min(size, self._remaining)
        if not size:
            return b''
        # Zero unless the read succeeds: another attempt would wait again.
        remaining, self._remaining = self._remaining, 0
        data = self._stream.read(-1 if size == math.inf else size)
        if data:
            self._remaining = remaining - len(data)
        return data

    def consume(self, size):
        try:
            while size > 0 and (data := self.read(_PART)):
                size -= len(data)
        except Exception:  # each server has its own error classes
            return  # The client disconnected, or the body is malformed.


def _length(environ):
    length = environ.get('CONTENT_LENGTH', '')
    if length:
        # No body is as long as a number with more digits, and int() refuses
        # numbers with thousands of digits.
        return int(length) if length.isdecimal() and len(length) < 20 else 0
    return math.inf if environ.get('wsgi.input_terminated') else 0
