# SPDX-License-Identifier: Apache-2.0
"""A connection of the stand-alone server, with limits on its client.

waitress receives the whole request before it occupies a thread, and sends the
response after it has released the thread. But its timeout restarts with each
byte, never expires for a client that reads nothing, and some requests cost
waitress far more than their size.
"""

import math
import re
import time

from waitress import buffers
from waitress import channel
from waitress import parser
from waitress import task
from waitress import utilities

from usermsg.api.middleware import request_body

#: Bytes of all headers; also the limit of the lines between chunks.
MAX_HEADERS = 32 * 1024

#: Seconds that a connection may be open without a request: normally, and while
#: other clients wait for a connection.
_IDLE, _IDLE_WHEN_FULL = 30, 2


#: Seconds from a request to its response with status 429. The response waits
#: without a thread, so a client that ignores Retry-After and sends its next
#: request at once doesn't keep the process busy with refusals.
REFUSAL_DELAY = 1

#: Maximum number of responses that wait at a time. Further ones are sent at
#: once: each occupies one of the connections of the server.
MAX_HELD = 50


class _Body(buffers.OverflowableBuffer):
    """Buffer that stops growing beyond the application's body limit."""

    def __init__(self, adj):
        super().__init__(adj.inbuf_overflow)
        self._limit = (
            adj.max_request_body_size // request_body.MAX_EXCESS)

    def append(self, s):
        if len(self) <= self._limit:
            super().append(s)


class _Parser(parser.HTTPRequestParser):

    def received(self, data):
        consumed = super().received(data)
        body = self.body_rcv
        # waitress would wait for the end of a chunk that is too long, and
        # copy an incomplete line again with each part that arrives.
        if self.chunked and (
                body.chunk_remainder > self.adj.max_request_body_size or
                len(body.control_line) + len(body.trailer) > MAX_HEADERS):
            self.error = utilities.RequestEntityTooLarge('chunk too long')
            self.completed = True
        return consumed

    def parse_header(self, header_plus):
        # With a control character waitress needs a time that grows with the
        # square of the blanks before it: 15 seconds for 32 KiB.
        if re.search(rb'[\0-\x08\x0b\x0c\x0e-\x1f\x7f]', header_plus):
            raise parser.ParsingError('Control character in a header')
        try:
            super().parse_header(header_plus)
        except ValueError:  # a URL with "[", a length of 5,000 digits
            raise parser.ParsingError('Invalid URL or length') from None
        if self.body_rcv is not None:
            self.body_rcv.buf = _Body(self.adj)


class _Task(task.WSGITask):

    def build_response_header(self):
        # The header is the first data that waitress could send.
        if self.status.startswith('429'):
            self.channel.hold_response()
        return super().build_response_header()


class Channel(channel.HTTPChannel):
    """Channel that is closed if the client's next step takes too long."""

    parser_class = _Parser
    task_class = _Task
    _step, _since = None, 0
    _request_begin, _held_until = 0, 0

    def hold_response(self):
        """Send the response :data:`REFUSAL_DELAY` after the request.

        Unless :data:`MAX_HELD` responses wait already.
        """
        # A copy, because another thread adds and removes channels.
        channels = list(self.server.active_channels.values())
        if sum(channel.is_held for channel in channels) < MAX_HELD:
            self._held_until = self._request_begin + REFUSAL_DELAY

    @property
    def is_held(self):
        """True while a response is complete, but not sent yet."""
        return bool(self.total_outbufs_len and
                    time.monotonic() < self._held_until)

    @property
    def has_work(self):
        """True while a request is handled or a response is sent."""
        return bool(self.requests or self.total_outbufs_len)

    def readable(self):
        # Called in each iteration of the loop, so at least once a second.
        step, seconds = self._next_step()
        now = time.monotonic()
        if step != self._step:
            self._step, self._since = step, now
        elif now - self._since > seconds:
            # will_close would wait for a client that reads nothing.
            self.handle_close()
            return False
        return super().readable()

    def writable(self):
        return not self.is_held and super().writable()

    def _flush_some(self, do_close=True):
        # Threads write, too, as soon as there are data.
        return not self.is_held and super()._flush_some(do_close)

    def _next_step(self):
        """Return an object that identifies the step, and its timeout.

        The object stays the same until the step is done: each request has its
        own parser, and each response its own buffer. The timeout is in
        seconds.
        """
        timeout = self.server.client_timeout
        if self.is_held:
            return None, math.inf
        if self.total_outbufs_len:
            return self.outbufs[0], timeout
        if self.requests:
            return None, math.inf
        if self.request is not None:
            return self.request, timeout
        full = self.server.in_connection_overflow
        return self.last_activity, min(
            timeout, _IDLE_WHEN_FULL if full else _IDLE)

    def service(self):
        self._request_begin = time.monotonic()
        if len(self.requests) > 1:
            # The client may send more requests than it reads responses, and
            # a thread would wait until it reads them.
            self.requests[0].headers['CONNECTION'] = 'close'
        super().service()

    def handle_expt(self):
        # Urgent data, which waitress doesn't read: the loop would spin.
        self.handle_close()
