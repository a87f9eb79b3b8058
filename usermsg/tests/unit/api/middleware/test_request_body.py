# SPDX-License-Identifier: Apache-2.0
"""Tests of reading the rest of a request body, up to a limit."""

import io

from usermsg.api.middleware import request_body
from usermsg.tests import base

LIMIT = 100 * 1024
LONGEST = request_body.MIN_EXCESS
PART_SIZE = 64 * 1024


class Endless:
    """Stream of a body without an end."""

    sent = 0

    def read(self, size):
        self.sent += size
        return b'x' * size


class Failing:
    calls = 0

    def read(self, size):
        self.calls += 1
        raise RuntimeError('the chunk is malformed')


class BodyConsumerTest(base.TestCase):

    def request(self, stream, read=0, limit=LIMIT, **environ):
        """Return the data that the application reads; it responds with 403."""
        def application(environ, start_response):
            start_response('403 Forbidden', [])
            return [environ['wsgi.input'].read(read)]

        app = request_body.BodyConsumer(application, limit)
        data, = app({'wsgi.input': stream, **environ},
                    lambda status, headers: None)
        return data

    def test_rest_of_body_is_read_but_not_next_request(self):
        for read in (0, 10, 1000, -1):
            stream = io.BytesIO(b'x' * LIMIT + b'next')
            data = self.request(stream, read, CONTENT_LENGTH=str(LIMIT))
            self.assertEqual(LIMIT if read < 0 else read, len(data))
            self.assertEqual(b'next', stream.read())

    def test_request_without_body_is_not_read(self):
        for length in ({}, {'CONTENT_LENGTH': ''}, {'CONTENT_LENGTH': '0'},
                       {'CONTENT_LENGTH': '-1'}, {'CONTENT_LENGTH': 'x'},
                       {'CONTENT_LENGTH': '9' * 5000}):
            stream = io.BytesIO(b'next')
            self.assertEqual(b'', self.request(stream, 10, **length))
            self.assertEqual(b'next', stream.read())

    def test_excess_is_read_up_to_limit(self):
        for length in ({'CONTENT_LENGTH': str(100 * LONGEST)},
                       {'wsgi.input_terminated': True}):
            for limit, longest in ((LIMIT, LONGEST),
                                   (2 * LONGEST, 32 * LONGEST)):
                stream = Endless()
                self.request(stream, limit=limit, **length)
                self.assertLessEqual(longest, stream.sent)
                self.assertLess(stream.sent, longest + PART_SIZE)

    def test_chunked_body_is_read_to_its_end(self):
        stream = io.BytesIO(b'x' * LIMIT)
        self.assertEqual(LIMIT, len(self.request(
            stream, -1, **{'wsgi.input_terminated': True})))
        stream = io.BytesIO(b'x' * LIMIT)
        self.request(stream, **{'wsgi.input_terminated': True})
        self.assertEqual(b'', stream.read())

    def test_read_error_is_not_retried(self):
        stream = Failing()
        self.request(stream, CONTENT_LENGTH='1000')
        self.assertEqual(1, stream.calls)
        self.assertRaises(RuntimeError, self.request, stream, 10,
                          CONTENT_LENGTH='1000')
        stream = io.BytesIO(b'x')
        self.assertEqual(b'x', self.request(stream, 10, CONTENT_LENGTH='1000'))
