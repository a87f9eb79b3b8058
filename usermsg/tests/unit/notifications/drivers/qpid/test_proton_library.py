# SPDX-License-Identifier: Apache-2.0
import types

from usermsg import exception
from usermsg.notifications.drivers.qpid import proton_library
from usermsg.tests import base


class Build:
    """How python-qpid-proton may have been built."""

    def __init__(self, tls, sasl):
        self.SSL = types.SimpleNamespace(present=lambda: tls)
        self.SASL = types.SimpleNamespace(extended=lambda: sasl)


class LibraryTest(base.TestCase):

    def test_what_was_left_out_is_missed_where_it_is_needed(self):
        for build, needed, words in (
                (Build(tls=False, sasl=True), (True, False), 'without TLS'),
                (Build(tls=True, sasl=False), (False, True), 'without SASL')):
            error = self.assertRaises(
                exception.ConfigurationError, proton_library.check, build,
                *needed)
            for text in (words, '--no-deps python-qpid-proton', 'libssl-dev',
                         'libsasl2-dev', 'pkg-config'):
                self.assertIn(text, str(error))

    def test_what_is_not_needed_may_be_missing(self):
        build = Build(tls=False, sasl=False)
        self.assertIs(build, proton_library.check(build, False, False))

    def test_the_tests_have_a_whole_one(self):
        proton_library.load(tls=True, sasl=True)
