# SPDX-License-Identifier: Apache-2.0
"""Tests of parsing request bodies, valid and malformed."""

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
    """Stream that returns a few bytes at a time, as a socket may."""

    def read(self, size=-1):
        return super().read(min(size, 7))


class FailingStream(io.BytesIO):
    """Stream of a client that disconnects or sends malformed chunks."""

    def __init__(self, data, error):
        super().__init__(data)
        self._error = error

    def read(self, size=-1):
        data = super().read(size)
        if data:
            return data
        raise self._error


def request(data=b'', stream=Stream, content_type='application/json',
            length=None, **environ):
    blank = api_request.Request.blank('/')
    blank.environ['CONTENT_TYPE'] = content_type
    blank.environ['CONTENT_LENGTH'] = str(
        len(data) if length is None else length)
    blank.environ['wsgi.input'] = stream(data)
    blank.environ.update(environ)
    blank.prepare(None, None, {})
    return blank


def parse(data, **values):
    return body.read(request(data, **values), LIMIT)


#: Valid values of JSON, and some invalid ones such as NaN.
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
    """Return the object in the bytes according to strict JSON, or None."""
    def constant(name):
        raise ValueError(name)

    try:
        content = json.loads(data.decode(), parse_constant=constant)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


class ReadTest(testtools.TestCase):

    def refused(self, data, error=exception.InvalidInput, limit=LIMIT,
                **values):
        raised = self.assertRaises(
            error, body.read, request(data, **values), limit)
        str(raised).encode()  # can be sent
        return str(raised)

    def test_check_is_called_before_parsing(self):
        checked = []

        def check(data):
            checked.append(data)
            raise exception.RateLimited('project', 7)

        for data in (b'{}', b'{', b'\xff'):
            self.assertRaises(exception.RateLimited, body.read,
                              request(data), LIMIT, check)
        self.assertEqual([b'{}', b'{', b'\xff'], checked)
        self.assertRaises(errors.BodyTooLarge, body.read,
                          request(b' ' * (LIMIT + 1)), LIMIT, check)

    @hypothesis.given(DATA)
    def test_any_bytes_are_strict_json_or_invalid_input(
            self, data):
        expected = strict(data)
        try:
            content = body.read(request(data), 10_000)
        except exception.InvalidInput as error:
            self.assertEqual('body', error.field)
            self.assertIsNone(expected)
            str(error).encode()
        else:
            self.assertEqual(repr(expected), repr(content))

    @hypothesis.given(
        strategies.lists(strategies.sampled_from(
            ['a', 'b', 'c', '\xe4', '\ud800']), min_size=1))
    def test_duplicate_key_has_the_duplicate_value(self, names):
        inner = '{%s}' % ','.join(
            f'{json.dumps(name)}: 1' for name in names)
        expected = {name: 1 if names.count(name) == 1 else
                    validation.DUPLICATE for name in names}
        for template, extract in (
                ('%s', lambda content: content),
                ('{"x": %s}', lambda content: content['x']),
                ('{"x": [0, {"y": %s}]}',
                 lambda content: content['x'][1]['y'])):
            self.assertEqual(expected, extract(
                parse((template % inner).encode())))

    def test_duplicate_attribute_error_names_its_path(self):
        for name in message_schemas.NEW_MESSAGE['properties']:
            entry = '{"project_id": "red", "%s": "a", "%s": "a"}' % (
                name, name)
            content = body.read(request(entry.encode()), LIMIT)
            error = self.assertRaises(
                exception.InvalidInput, message_schemas.new_message().check,
                content, 'messages[1]')
            self.assertEqual(
                f'messages[1].{name}: is given more than once.',
                str(error))
        for name in ('message', 'messages'):
            content = parse(b'{"%b": {}, "%b": []}' % (
                name.encode(), name.encode()))
            error = self.assertRaises(
                exception.InvalidInput, schemas.new_messages().check, content)
            self.assertEqual(f'{name}: is given more than once.',
                             str(error))

    def test_json_without_object_is_refused(self):
        for data in (b'[]', b'null', b'1', b'"a"', b'true', b'[{}]'):
            self.assertEqual('body: must be a JSON object.',
                             self.refused(data))

    def test_invalid_json_error_names_line_and_column(self):
        self.assertEqual(
            'body: is not valid JSON: Expecting value at line 2, column 5.',
            self.refused(b'{\n"a":}'))
        for data in (b'', b' ', b'{', b'{}{}', b'{"a":1,}', b"{'a':1}",
                     b'{"a":01}', b'{"a":+1}', b'{"a":1}\x00', b'{"a":"\n"}',
                     b'\xef\xbb\xbf{}', b'// comment\n{}', b'a=1'):
            self.assertRegex(
                self.refused(data),
                r'^body: is not valid JSON: .* at line \d+, column ')

    def test_non_finite_number_is_refused(self):
        for name in ('NaN', 'Infinity', '-Infinity'):
            self.assertEqual(
                f'body: is not valid JSON: {name} is not permitted.',
                self.refused(b'{"a":[%s]}' % name.encode()))

    def test_number_of_10000_digits_is_refused(self):
        self.assertEqual(
            'body: is not valid JSON: a number is too long.',
            self.refused(b'{"a":%s}' % (b'9' * 10_000), limit=20_000))

    def test_nesting_of_100000_levels_is_refused(self):
        for opening in (b'[', b'{"a":'):
            self.assertEqual(
                'body: is nested too deeply.',
                self.refused(opening * 100_000, limit=1024 * 1024,
                             stream=io.BytesIO))

    def test_body_with_other_encoding_is_refused(self):
        for data in (b'{"a":"\xff"}', '{"a":"\xe4"}'.encode('latin-1'),
                     '{}'.encode('utf-16'), '{}'.encode('utf-32'),
                     b'{"a":"\xed\xa0\x80"}', b'{"a":"\xc0\x80"}'):
            self.assertRegex(self.refused(data), '^body: is not ')

    def test_escaped_lone_surrogate_is_parsed(self):
        self.assertEqual({'\ud800': '\udfff'},
                         parse(b'{"\\ud800": "\\udfff"}'))

    def test_body_over_the_limit_raises_body_too_large(self):
        data = b'{"a": "%s"}' % (b'x' * (LIMIT - 9))
        self.assertEqual(LIMIT, len(data))
        self.assertEqual(['a'], list(parse(data)))
        self.assertIn(str(LIMIT), self.refused(
            data + b' ', errors.BodyTooLarge))

    def test_content_length_over_limit_is_refused_unread(self):
        blank = request(b'{}', length=LIMIT + 1)
        self.assertRaises(errors.BodyTooLarge, body.read, blank, LIMIT)
        self.assertEqual(b'{}', blank.environ['wsgi.input'].read())

    def test_data_behind_content_length_is_not_read(self):
        blank = request(b'{}GET / HTTP/1.1', length=2)
        self.assertEqual({}, body.read(blank, LIMIT))
        self.assertEqual(b'GET / HTTP/1.1',
                         blank.environ['wsgi.input'].read())

    def test_truncated_body_raises_body_incomplete(self):
        for data in (b'', b'{"a', b'{}'):
            self.refused(data, errors.BodyIncomplete, length=len(data) + 1)

    def test_read_error_raises_body_incomplete_without_details(self):
        for error in (OSError('detail'), TimeoutError(), ConnectionError(),
                      ValueError('detail'), Exception('detail')):
            text = self.refused(
                b'{}', errors.BodyIncomplete, length=10,
                stream=lambda data: FailingStream(data, error))
            self.assertNotIn('detail', text)

    def test_malformed_content_length_is_refused(self):
        for length in ('', 'abc', '-1', '1e3', '2, 2'):
            self.refused(b'{}', length=length)

    CHUNKED = {'HTTP_TRANSFER_ENCODING': 'chunked', 'length': ''}

    def test_chunked_body_is_read_if_server_decodes_it(self):
        environ = {**self.CHUNKED, 'wsgi.input_terminated': True}
        self.assertEqual({'a': 1}, parse(b'{"a": 1}', **environ))
        data = b'{"a": "%s"}' % (b'x' * (LIMIT - 9))
        self.assertEqual(['a'], list(parse(data, **environ)))
        self.refused(data + b' ', errors.BodyTooLarge, **environ)
        self.refused(b'{}', errors.BodyIncomplete,
                     stream=lambda data: FailingStream(data, ValueError()),
                     **environ)

    def test_chunked_body_needs_length_if_server_does_not(self):
        self.refused(b'2\r\n{}\r\n0\r\n\r\n', errors.LengthRequired,
                     **self.CHUNKED)

    def test_json_content_types_are_accepted(self):
        for content_type in (
                'application/json', 'Application/JSON',
                'application/json;charset=utf-8', ' application/json ; ',
                'application/json; charset="UTF-8"',
                'application/json; charset=utf8; other'):
            self.assertEqual({}, parse(b'{}', content_type=content_type))

    def test_other_content_type_is_refused(self):
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

    def test_content_encoding_is_refused(self):
        for encoding in ('gzip', 'deflate', 'br', 'identity, gzip', 'GZIP'):
            self.assertRegex(
                self.refused(b'{}', errors.UnsupportedMediaType,
                             HTTP_CONTENT_ENCODING=encoding),
                '^Content-Encoding: ')
        for encoding in ('', 'identity', 'Identity'):
            self.assertEqual(
                {}, parse(b'{}', HTTP_CONTENT_ENCODING=encoding))
