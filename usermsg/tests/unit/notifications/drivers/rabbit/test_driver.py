# SPDX-License-Identifier: Apache-2.0
"""Tests of the driver ``rabbit`` that need no RabbitMQ."""

from usermsg import exception
from usermsg.tests.fixtures import rabbit_options


class TestOptions(rabbit_options.TestCase):

    def test_invalid_option_is_named_with_its_file(self):
        for name, value in (('delivery_timeout', 'soon'),
                            ('delivery_timeout', '0'),
                            ('max_pending', 'wide')):
            error = self.assertRaises(
                exception.ConfigurationError, self.driver, **{name: value})
            self.assertTrue(str(error).startswith(
                f'{self.home}/other.conf: [oslo_messaging_rabbit_notify] '
                f'{name} is not valid: '), error)
            self.assertNotIn('Locations', str(error))
