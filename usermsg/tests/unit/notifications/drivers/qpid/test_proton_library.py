# SPDX-License-Identifier: Apache-2.0
import types

from usermsg import exception
from usermsg.notifications.drivers.qpid import proton_library
from usermsg.tests import base


class Build:
    """Fake of the module proton, built with or without TLS and SASL."""

    def __init__(self, tls, sasl):
        self.SSL = types.SimpleNamespace(present=lambda: tls)
        self.SASL = types.SimpleNamespace(extended=lambda: sasl)


class LibraryTest(base.TestCase):

    def test_check_with_a_missing_feature_explains_the_installation(self):
        for build, required, reason in (
                (Build(tls=False, sasl=True), (True, False), 'without TLS'),
                (Build(tls=True, sasl=False), (False, True), 'without SASL')):
            error = self.assertRaises(
                exception.ConfigurationError, proton_library.check, build,
                *required)
            for text in (reason, '--no-deps python-qpid-proton', 'libssl-dev',
                         'libsasl2-dev', 'pkg-config'):
                self.assertIn(text, str(error))

    def test_check_ignores_missing_features_that_are_not_required(self):
        build = Build(tls=False, sasl=False)
        self.assertIs(build, proton_library.check(build, False, False))

    def test_load_returns_a_build_with_tls_and_sasl(self):
        proton_library.load(tls=True, sasl=True)
