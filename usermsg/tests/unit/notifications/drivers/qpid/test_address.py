# SPDX-License-Identifier: Apache-2.0
import string

from hypothesis import given
from hypothesis import strategies
import testtools

from usermsg import exception
from usermsg.notifications.drivers.qpid import address

VALUES = {'topic': 'notifications', 'priority': 'info', 'exchange': 'nova',
          'vhost': 'east'}

TEXTS = strategies.text(string.ascii_letters + '/.{}: !')


class TemplateTest(testtools.TestCase):

    def fill(self, text, vhost=None):
        return address.make_address_template(text, vhost).fill(**VALUES)

    def test_fill_replaces_all_fields(self):
        self.assertEqual(
            '/exchange/nova/notifications.info',
            self.fill('/exchange/{exchange}/{topic}.{priority}'))

    def test_fill_without_fields_returns_the_text(self):
        self.assertEqual('q', self.fill('q'))

    def test_fill_with_doubled_braces_returns_braces(self):
        self.assertEqual('{topic}', self.fill('{{topic}}'))

    def test_presets_with_and_without_vhost(self):
        for text, vhost, expected in (
                ('legacy', None, 'unicast.nova.notifications.info'),
                ('legacy', 'east', 'unicast.east.nova.notifications.info'),
                ('routable', None, 'openstack.org/om/notify/anycast/nova/'
                                   'notifications.info'),
                ('routable', 'east', 'openstack.org/om/notify/anycast/east/'
                                     'nova/notifications.info')):
            self.assertEqual(expected, self.fill(text, vhost))

    def test_template_with_vhost_requires_the_option_vhost(self):
        self.assertEqual('east.q', self.fill('{vhost}.q', 'east'))
        self.assert_invalid(
            address.make_address_template, '{vhost}.q', 'address', 'vhost')
        self.assert_invalid(
            address.make_subject_template, '{vhost}.q', 'subject', 'vhost')

    def assert_invalid(self, function, text, *texts):
        error = self.assertRaises(
            exception.ConfigurationError, function, text)
        for part in ('[oslo_messaging_qpid]', *texts):
            self.assertIn(part, str(error))

    def test_invalid_template_names_the_option(self):
        for text in ('', '{', '}', '{}', '{0}', '{unknown}', '{topic.real}',
                     '{topic[0]}', '{topic!r}', '{topic:>9}', '{event_type}',
                     'a\nb', 'a\0b'):
            self.assert_invalid(
                address.make_address_template, text, 'address:')

    def test_subject_template_accepts_event_type(self):
        self.assertEqual('nova:image.update', address.make_subject_template(
            '{exchange}:{event_type}').fill(
                **VALUES, event_type='image.update'))

    @given(text=TEXTS)
    def test_arbitrary_text_is_filled_or_invalid(self, text):
        try:
            template = address.make_address_template(text, 'east')
        except exception.ConfigurationError:
            return
        self.assertIsInstance(template.fill(**VALUES), str)
