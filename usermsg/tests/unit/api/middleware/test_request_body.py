# SPDX-License-Identifier: Apache-2.0
"""The rest of a body, read within bounds."""

import io

from usermsg.api.middleware import request_body
from usermsg.tests import base

LIMIT = 100 * 1024
LONGEST = request_body.LEAST_EXCESS
PART = 64 * 1024


class Endless:
    """Chunks without an end."""

    sent = 0

    def read(self, size):
        self.sent += size
        return b'x' * size


class Failing:
    calls = 0

    def read(self, size):
        self.calls += 1
        raise RuntimeError('the chunk is malformed')


class ConsumedTest(base.TestCase):

    def ask(self, stream, read=0, limit=LIMIT, **environ):
        """What the application reads; it refuses the request either way."""
        def application(environ, start_response):
            start_response('403 Forbidden', [])
            return [environ['wsgi.input'].read(read)]

        app = request_body.Consumed(application, limit)
        answer, = app({'wsgi.input': stream, **environ},
                      lambda status, headers: None)
        return answer

    def test_the_rest_is_read_and_nothing_behind_it(self):
        for read in (0, 10, 1000, -1):
            stream = io.BytesIO(b'x' * LIMIT + b'next')
            answer = self.ask(stream, read, CONTENT_LENGTH=str(LIMIT))
            self.assertEqual(LIMIT if read < 0 else read, len(answer))
            self.assertEqual(b'next', stream.read())

    def test_without_a_body_nothing_is_read(self):
        for length in ({}, {'CONTENT_LENGTH': ''}, {'CONTENT_LENGTH': '0'},
                       {'CONTENT_LENGTH': '-1'}, {'CONTENT_LENGTH': 'x'},
                       {'CONTENT_LENGTH': '9' * 5000}):
            stream = io.BytesIO(b'next')
            self.assertEqual(b'', self.ask(stream, 10, **length))
            self.assertEqual(b'next', stream.read())

    def test_no_more_is_read_than_the_bound(self):
        for length in ({'CONTENT_LENGTH': str(100 * LONGEST)},
                       {'wsgi.input_terminated': True}):
            for limit, longest in ((LIMIT, LONGEST),
                                   (2 * LONGEST, 32 * LONGEST)):
                stream = Endless()
                self.ask(stream, limit=limit, **length)
                self.assertLessEqual(longest, stream.sent)
                self.assertLess(stream.sent, longest + PART)

    def test_chunks_are_read_to_their_end(self):
        stream = io.BytesIO(b'x' * LIMIT)
        self.assertEqual(LIMIT, len(self.ask(
            stream, -1, **{'wsgi.input_terminated': True})))
        stream = io.BytesIO(b'x' * LIMIT)
        self.ask(stream, **{'wsgi.input_terminated': True})
        self.assertEqual(b'', stream.read())

    def test_a_client_that_is_gone_is_not_waited_for_again(self):
        stream = Failing()
        self.ask(stream, CONTENT_LENGTH='1000')
        self.assertEqual(1, stream.calls)
        self.assertRaises(RuntimeError, self.ask, stream, 10,
                          CONTENT_LENGTH='1000')
        stream = io.BytesIO(b'x')
        self.assertEqual(b'x', self.ask(stream, 10, CONTENT_LENGTH='1000'))
