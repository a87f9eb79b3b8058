# SPDX-License-Identifier: Apache-2.0
import hypothesis
from hypothesis import strategies

from usermsg.listener import exception_names
from usermsg.tests import base

NAMES = (
    ('NoValidHost', 'NoValidHost'),
    (' NoValidHost\n', 'NoValidHost'),
    ('nova.exception.NoValidHost', 'nova.exception.NoValidHost'),
    ("NoValidHost('No valid host was found.')", 'NoValidHost'),
    ('NoValidHost("a", "b")', 'NoValidHost'),
    ('NoValidHost()', 'NoValidHost'),
    ('NoValidHost: No valid host', 'NoValidHost'),
    ("<class 'nova.exception.NoValidHost'>", 'nova.exception.NoValidHost'),
    ("NoValidHost_Remote('...')", 'NoValidHost'),
    ('NoValidHost_Remote', 'NoValidHost'),
    (r"RemoteError('Remote error: NoValidHost No host\nTraceback')",
     'NoValidHost'),
    (r'RemoteError("Remote error: NoValidHost_Remote it\'s full")',
     'NoValidHost'),
    (r"oslo_messaging.rpc.client.RemoteError('Remote error: A b')", 'A'),
    ('RemoteError', 'RemoteError'),
    ("RemoteError('something else')", 'RemoteError'),
    ('_Private(', '_Private'),
    ('No valid host was found', None),
    ('/dev/sda is full', None),
    ('Fehler\xe4()', None),
    ("('NoValidHost',)", None),
    ('', None),
    (None, None),
    (3, None),
    (['NoValidHost'], None),
    ({'exc_type': 'NoValidHost'}, None),
    (101 * 'a' + '()', None),
    (600 * 'a.', None))


class ClassNameTest(base.TestCase):

    def test_class_name_is_extracted(self):
        for value, expected in NAMES:
            self.assertEqual(expected, exception_names.class_name(value),
                             value)

    @hypothesis.given(strategies.text())
    def test_name_never_contains_words(self, text):
        for value in (text, f'E({text!r})', f"RemoteError('{text}')"):
            name = exception_names.class_name(value)
            if name is not None:
                self.assertRegex(name, r'\A[A-Za-z0-9_.]*\Z')

    def test_long_text_takes_little_time(self):
        for text in (10_000_000 * 'a', 10_000_000 * 'a.', 10_000_000 * ' ',
                     "RemoteError('Remote error: " + 10_000_000 * 'a'):
            for _repetition in range(100):
                exception_names.class_name(text)
