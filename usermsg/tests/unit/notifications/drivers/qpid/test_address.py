# SPDX-License-Identifier: Apache-2.0
import string

from hypothesis import given
from hypothesis import strategies
import testtools

from usermsg import exception
from usermsg.notifications.drivers.qpid import address

PARTS = {'topic': 'notifications', 'priority': 'info', 'exchange': 'nova',
         'vhost': 'east'}

TEXTS = strategies.text(string.ascii_letters + '/.{}: !')


class TemplateTest(testtools.TestCase):

    def fill(self, text, vhost=None):
        return address.make_address_template(text, vhost).fill(**PARTS)

    def test_a_template_is_filled_in(self):
        self.assertEqual(
            '/exchange/nova/notifications.info',
            self.fill('/exchange/{exchange}/{topic}.{priority}'))

    def test_a_text_without_parts_is_the_address(self):
        self.assertEqual('q', self.fill('q'))

    def test_doubled_braces_are_braces(self):
        self.assertEqual('{topic}', self.fill('{{topic}}'))

    def test_the_presets(self):
        for text, vhost, filled in (
                ('legacy', None, 'unicast.nova.notifications.info'),
                ('legacy', 'east', 'unicast.east.nova.notifications.info'),
                ('routable', None, 'openstack.org/om/notify/anycast/nova/'
                                   'notifications.info'),
                ('routable', 'east', 'openstack.org/om/notify/anycast/east/'
                                     'nova/notifications.info')):
            self.assertEqual(filled, self.fill(text, vhost))

    def test_a_vhost_is_asked_for_only_if_it_is_set(self):
        self.assertEqual('east.q', self.fill('{vhost}.q', 'east'))
        self.refused(address.make_address_template, '{vhost}.q', 'address', 'vhost')
        self.refused(address.make_subject_template, '{vhost}.q', 'subject', 'vhost')

    def refused(self, function, text, *named):
        error = self.assertRaises(
            exception.ConfigurationError, function, text)
        for name in ('[oslo_messaging_qpid]', *named):
            self.assertIn(name, str(error))

    def test_what_cannot_be_filled_in_is_refused_by_name(self):
        for text in ('', '{', '}', '{}', '{0}', '{nobody}', '{topic.real}',
                     '{topic[0]}', '{topic!r}', '{topic:>9}', '{event_type}',
                     'a\nb', 'a\0b'):
            self.refused(address.make_address_template, text, 'address:')

    def test_a_subject_can_have_the_event_type(self):
        self.assertEqual('nova:image.update', address.make_subject_template(
            '{exchange}:{event_type}').fill(
                **PARTS, event_type='image.update'))

    @given(text=TEXTS)
    def test_any_text_is_filled_in_or_refused(self, text):
        try:
            template = address.make_address_template(text, 'east')
        except exception.ConfigurationError:
            return
        self.assertIsInstance(template.fill(**PARTS), str)
