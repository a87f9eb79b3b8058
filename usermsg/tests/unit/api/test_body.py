# SPDX-License-Identifier: Apache-2.0
"""The body of a request, whatever it is."""

import io
import json

import hypothesis
from hypothesis import strategies
import testtools

from usermsg.api import body
from usermsg.api import errors
from usermsg.api import request as api_request
from usermsg.api import schemas
from usermsg import exception
from usermsg.message import schemas as message_schemas
from usermsg import validation

LIMIT = 1000

HTTP_ERRORS = (errors.BodyTooLarge, errors.BodyIncomplete,
               errors.LengthRequired, errors.UnsupportedMediaType)


class Stream(io.BytesIO):
    """Gives a few bytes at a time, as a socket may."""

    def read(self, size=-1):
        return super().read(min(size, 7))


class Broken(io.BytesIO):
    """A client that goes away, or whose chunks can't be understood."""

    def __init__(self, data, error):
        super().__init__(data)
        self._error = error

    def read(self, size=-1):
        found = super().read(size)
        if found:
            return found
        raise self._error


def request(data=b'', stream=Stream, content_type='application/json',
            length=None, **environ):
    made = api_request.Request.blank('/')
    made.environ['CONTENT_TYPE'] = content_type
    made.environ['CONTENT_LENGTH'] = str(
        len(data) if length is None else length)
    made.environ['wsgi.input'] = stream(data)
    made.environ.update(environ)
    made.prepare(None, None, {})
    return made


def parse(data, **values):
    return body.read(request(data, **values), LIMIT)


#: Whatever JSON can say, and some that it can't.
VALUES = strategies.recursive(
    strategies.one_of(
        strategies.none(), strategies.booleans(), strategies.integers(),
        strategies.floats(), strategies.text(max_size=5)),
    lambda inner: strategies.one_of(
        strategies.lists(inner, max_size=3),
        strategies.dictionaries(strategies.text(max_size=5), inner,
                                max_size=3)), max_leaves=8)
TOKENS = strategies.sampled_from([
    b'{', b'}', b'[', b']', b':', b',', b'"', b'"a"', b'"a":', b'1', b'-',
    b'0', b'1e999', b'NaN', b'Infinity', b'-Infinity', b'true', b'null',
    b' ', b'\n', b'\x00', b'\xff', b'\xef\xbb\xbf', b'\\', b'"\\ud800"',
    b'"\\u0000"', b'[' * 300, b'9' * 900])
DATA = strategies.one_of(
    strategies.binary(max_size=30),
    strategies.lists(TOKENS, max_size=8).map(b''.join),
    VALUES.map(lambda value: json.dumps({'a': value}).encode()),
    VALUES.map(lambda value: json.dumps({'a': value}).encode('utf-16')))


def strict(data):
    """The object that bytes hold, or None; by the book."""
    def constant(name):
        raise ValueError(name)

    try:
        found = json.loads(data.decode(), parse_constant=constant)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class ReadTest(testtools.TestCase):

    def refused(self, data, error=exception.InvalidInput, limit=LIMIT,
                **values):
        raised = self.assertRaises(
            error, body.read, request(data, **values), limit)
        str(raised).encode()  # can be sent
        return str(raised)

    @hypothesis.given(DATA)
    def test_whatever_bytes_are_what_json_says_or_an_error_of_ours(
            self, data):
        expected = strict(data)
        try:
            found = body.read(request(data), 10_000)
        except exception.InvalidInput as error:
            self.assertEqual('body', error.field)
            self.assertIsNone(expected)
            str(error).encode()
        else:
            self.assertEqual(repr(expected), repr(found))

    @hypothesis.given(
        strategies.lists(strategies.sampled_from(
            ['a', 'b', 'c', '\xe4', '\ud800']), min_size=1))
    def test_duplicate_name_has_a_value_that_stands_for_it(self, names):
        inner = '{%s}' % ','.join(
            f'{json.dumps(name)}: 1' for name in names)
        expected = {name: 1 if names.count(name) == 1 else
                    validation.DUPLICATE for name in names}
        for form, place in (('%s', lambda found: found),
                            ('{"x": %s}', lambda found: found['x']),
                            ('{"x": [0, {"y": %s}]}',
                             lambda found: found['x'][1]['y'])):
            self.assertEqual(expected, place(parse((form % inner).encode())))

    def test_duplicate_of_any_attribute_is_refused_with_its_place(self):
        for name in message_schemas.NEW_MESSAGE['properties']:
            entry = '{"project_id": "red", "%s": "a", "%s": "a"}' % (
                name, name)
            content = body.read(request(entry.encode()), LIMIT)
            error = self.assertRaises(
                exception.InvalidInput, message_schemas.new_message().check,
                content, 'messages[1]')
            self.assertEqual(
                f'messages[1].{name}: stands there more than once.',
                str(error))
        for name in ('message', 'messages'):
            content = parse(b'{"%b": {}, "%b": []}' % (
                name.encode(), name.encode()))
            error = self.assertRaises(
                exception.InvalidInput, schemas.new_messages().check, content)
            self.assertEqual(f'{name}: stands there more than once.',
                             str(error))

    def test_what_is_no_object(self):
        for data in (b'[]', b'null', b'1', b'"a"', b'true', b'[{}]'):
            self.assertEqual('body: must be a JSON object.',
                             self.refused(data))

    def test_what_is_not_json_says_where(self):
        self.assertEqual(
            'body: is not JSON: Expecting value at line 2, column 5.',
            self.refused(b'{\n"a":}'))
        for data in (b'', b' ', b'{', b'{}{}', b'{"a":1,}', b"{'a':1}",
                     b'{"a":01}', b'{"a":+1}', b'{"a":1}\x00', b'{"a":"\n"}',
                     b'\xef\xbb\xbf{}', b'// comment\n{}', b'a=1'):
            self.assertRegex(self.refused(data),
                             r'^body: is not JSON: .* at line \d+, column ')

    def test_numbers_that_json_does_not_have(self):
        for name in ('NaN', 'Infinity', '-Infinity'):
            self.assertEqual(f'body: is not JSON: {name}.', self.refused(
                b'{"a":[%s]}' % name.encode()))

    def test_a_number_of_10000_digits(self):
        self.assertEqual(
            'body: is not JSON: a number is too long.',
            self.refused(b'{"a":%s}' % (b'9' * 10_000), limit=20_000))

    def test_nesting_of_100000(self):
        for opening in (b'[', b'{"a":'):
            self.assertEqual(
                'body: is nested too deeply.',
                self.refused(opening * 100_000, limit=1024 * 1024,
                             stream=io.BytesIO))

    def test_what_is_not_utf8(self):
        for data in (b'{"a":"\xff"}', '{"a":"\xe4"}'.encode('latin-1'),
                     '{}'.encode('utf-16'), '{}'.encode('utf-32'),
                     b'{"a":"\xed\xa0\x80"}', b'{"a":"\xc0\x80"}'):
            self.assertRegex(self.refused(data), '^body: is not ')

    def test_half_a_character_in_json_is_a_value_like_any_other(self):
        self.assertEqual({'\ud800': '\udfff'},
                         parse(b'{"\\ud800": "\\udfff"}'))

    def test_the_length_is_up_to_the_limit(self):
        data = b'{"a": "%s"}' % (b'x' * (LIMIT - 9))
        self.assertEqual(LIMIT, len(data))
        self.assertEqual(['a'], list(parse(data)))
        self.assertIn(str(LIMIT), self.refused(
            data + b' ', errors.BodyTooLarge))

    def test_a_length_over_the_limit_is_refused_unread(self):
        made = request(b'{}', length=LIMIT + 1)
        self.assertRaises(errors.BodyTooLarge, body.read, made, LIMIT)
        self.assertEqual(0, made.environ['wsgi.input'].tell())

    def test_no_more_is_read_than_the_length(self):
        made = request(b'{}GET / HTTP/1.1', length=2)
        self.assertEqual({}, body.read(made, LIMIT))
        self.assertEqual(2, made.environ['wsgi.input'].tell())

    def test_a_body_that_ends_too_early(self):
        for data in (b'', b'{"a', b'{}'):
            self.refused(data, errors.BodyIncomplete, length=len(data) + 1)

    def test_a_client_that_goes_away(self):
        for error in (OSError('gone'), TimeoutError(), ConnectionError(),
                      ValueError('malformed chunk'),
                      Exception('malformed chunk')):
            text = self.refused(
                b'{}', errors.BodyIncomplete, length=10,
                stream=lambda data: Broken(data, error))
            self.assertNotIn('gone', text)
            self.assertNotIn('chunk', text)

    def test_a_length_that_is_no_number_is_no_length(self):
        for length in ('', 'abc', '-1', '1e3', '2, 2'):
            self.refused(b'{}', length=length)

    CHUNKED = {'HTTP_TRANSFER_ENCODING': 'chunked', 'length': ''}

    def test_chunks_that_the_server_joins(self):
        environ = {**self.CHUNKED, 'wsgi.input_terminated': True}
        self.assertEqual({'a': 1}, parse(b'{"a": 1}', **environ))
        data = b'{"a": "%s"}' % (b'x' * (LIMIT - 9))
        self.assertEqual(['a'], list(parse(data, **environ)))
        self.refused(data + b' ', errors.BodyTooLarge, **environ)
        self.refused(b'{}', errors.BodyIncomplete,
                     stream=lambda data: Broken(data, ValueError()),
                     **environ)

    def test_chunks_that_the_server_leaves_alone(self):
        self.refused(b'2\r\n{}\r\n0\r\n\r\n', errors.LengthRequired,
                     **self.CHUNKED)

    def test_content_types_of_json(self):
        for content_type in (
                'application/json', 'Application/JSON',
                'application/json;charset=utf-8', ' application/json ; ',
                'application/json; charset="UTF-8"',
                'application/json; charset=utf8; odd'):
            self.assertEqual({}, parse(b'{}', content_type=content_type))

    def test_other_content_types(self):
        for content_type in (
                '', 'text/plain', 'application/jsonp', 'application/*',
                'application/x-www-form-urlencoded', ';', 'json',
                'multipart/form-data; boundary=x', '\xff',
                'application/json, application/json',
                'application/json; charset=utf-16',
                'application/json; charset=latin-1',
                'application/json; charset=',
                'application/json; charset=utf-8; charset=utf-16'):
            self.assertRegex(
                self.refused(b'{}', errors.UnsupportedMediaType,
                             content_type=content_type), '^Content-Type: ')

    def test_a_content_encoding_is_refused(self):
        for encoding in ('gzip', 'deflate', 'br', 'identity, gzip', 'GZIP'):
            self.assertRegex(
                self.refused(b'{}', errors.UnsupportedMediaType,
                             HTTP_CONTENT_ENCODING=encoding),
                '^Content-Encoding: ')
        for encoding in ('', 'identity', 'Identity'):
            self.assertEqual(
                {}, parse(b'{}', HTTP_CONTENT_ENCODING=encoding))
