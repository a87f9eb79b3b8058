# SPDX-License-Identifier: Apache-2.0
"""A connection of the stand-alone server, with bounds for its client.

waitress receives a request before a thread has it, and sends the response
after the thread has gone on. But its timeout begins anew with each byte, never
ends for a client that takes nothing, and some requests cost it far more than
their bytes.
"""

import math
import re
import time

from waitress import buffers
from waitress import channel
from waitress import parser
from waitress import utilities

from usermsg.api.middleware import request_body

#: Bytes of all headers; likewise of what stands between chunks.
MAX_HEADERS = 32 * 1024

#: Seconds that a connection may be open without a request; and while others
#: wait for one.
_IDLE, _IDLE_WHEN_FULL = 30, 2


class _Body(buffers.OverflowableBuffer):
    """As much of a body as shows the application that it is too long."""

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
        # waitress would wait for a chunk that is too long, and copy what it
        # has of a line with each part of it that comes.
        if self.chunked and (
                body.chunk_remainder > self.adj.max_request_body_size or
                len(body.control_line) + len(body.trailer) > MAX_HEADERS):
            self.error = utilities.RequestEntityTooLarge('chunk too long')
            self.completed = True
        return consumed

    def parse_header(self, header_plus):
        # With one of these waitress takes a time that grows with the square
        # of the blanks before it: 15 seconds for 32 KiB.
        if re.search(rb'[\0-\x08\x0b\x0c\x0e-\x1f\x7f]', header_plus):
            raise parser.ParsingError('Control character in a header')
        try:
            super().parse_header(header_plus)
        except ValueError:  # an address with [, a length of 5,000 digits
            raise parser.ParsingError('Invalid address or length') from None
        if self.body_rcv is not None:
            self.body_rcv.buf = _Body(self.adj)


class Channel(channel.HTTPChannel):
    """Closed if the client takes too long over its next step."""

    parser_class = _Parser
    _step, _since = None, 0

    @property
    def has_work(self):
        """Whether a request is to be handled or a response to be sent."""
        return bool(self.requests or self.total_outbufs_len)

    def readable(self):
        # Asked in each turn of the loop, so at least once a second.
        step, seconds = self._next_step()
        now = time.monotonic()
        if step != self._step:
            self._step, self._since = step, now
        elif now - self._since > seconds:
            # will_close would wait for a client that takes nothing.
            self.handle_close()
            return False
        return super().readable()

    def _next_step(self):
        """An object that stays the same until the step is done, and seconds.

        Each request has a parser of its own, and each response a buffer.
        """
        timeout = self.server.client_timeout
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
        if len(self.requests) > 1:
            # The client may ask for more than it takes, and a thread would
            # wait until it does.
            self.requests[0].headers['CONNECTION'] = 'close'
        super().service()

    def handle_expt(self):
        # Urgent data, which waitress doesn't read: the loop would spin.
        self.handle_close()
