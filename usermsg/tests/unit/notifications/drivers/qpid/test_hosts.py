# SPDX-License-Identifier: Apache-2.0
from urllib import parse

from hypothesis import given
from hypothesis import strategies
import testtools

from usermsg import exception
from usermsg.notifications.drivers import host
from usermsg.notifications.drivers.qpid import hosts

WORDS = strategies.text(min_size=1, max_size=20).filter(
    lambda text: '\0' not in text)
# Without surrogates, which no URL can hold.
LOGINS = WORDS.filter(lambda text: text.isprintable())


class HostTest(testtools.TestCase):

    def test_read_parses_all_parts_of_urls(self):
        self.assertEqual(
            (host.Host('a.example', 5671, True, 'me', 'p@ss,word'),
             host.Host('192.0.2.1', 99, False),
             host.Host('2001:db8::1', 5672, False)),
            hosts.read('amqps://me:p%40ss%2Cword@a.example, '
                       'amqp://192.0.2.1:99/,amqp://[2001:db8::1]'))

    def test_str_and_repr_of_host_hide_the_password(self):
        host, = hosts.read('amqps://me:secret@[2001:db8::1]:7')
        self.assertEqual('amqps://[2001:db8::1]:7', str(host))
        self.assertNotIn('secret', repr(host))

    @given(username=LOGINS, password=LOGINS)
    def test_read_decodes_arbitrary_logins(self, username, password):
        login = ':'.join(parse.quote(text, safe='')
                         for text in (username, password))
        host, = hosts.read(f'amqp://{login}@h')
        self.assertEqual((username, password),
                         (host.username, host.password))

    def test_invalid_url_is_reported_by_position_without_its_text(self):
        for text in ('', 'h', 'http://me:secret@h', 'amqp://', 'amqp://:5',
                     'amqp://me:secret@', 'amqp://me:secret@h:x',
                     'amqp://me:secret@h:0', 'amqp://me:secret@h:65536',
                     'amqp://me:secret@h/vhost', 'amqp://me:secret@h?a=secret',
                     'amqp://me:secret@h#secret', 'amqp://me@h',
                     'amqp://:secret@h', 'amqp://me:secret@a b',
                     'amqp://me:secret@[::1', 'amqp://me:secret%FF@h',
                     'amqp://me:secret%00@h', 'amqp://me:sec\nret@h'):
            error = self.assertRaises(
                exception.ConfigurationError, hosts.read,
                f'amqp://good,{text}')
            self.assertIn('[oslo_messaging_qpid] hosts: URL number 2',
                          str(error))
            self.assertNotIn('secret', str(error))

    @given(strategies.text())
    def test_arbitrary_text_is_read_or_invalid(self, text):
        try:
            result = hosts.read(text)
        except exception.ConfigurationError:
            return
        for item in result:
            self.assertTrue(item.name and 0 < item.port < 65536)


class RotationTest(testtools.TestCase):

    def rotation(self, *names, min_backoff=1, max_backoff=30,
                 jitter=0.0):
        return hosts.Rotation(
            [host.Host(name, 1, False) for name in names], min_backoff,
            max_backoff, lambda: jitter)

    def test_all_hosts_are_tried_before_the_first_delay(self):
        rotation = self.rotation('a', 'b', 'c')
        names, delays = [], []
        for _ in range(4):
            names.append(rotation.host().name)
            delays.append(rotation.record_failure())
        self.assertEqual(['a', 'b', 'c', 'a'], names)
        self.assertEqual([0, 0, 1, 0], delays)

    def test_backoff_doubles_up_to_the_maximum(self):
        rotation = self.rotation('a')
        self.assertEqual([1, 2, 4, 8, 16, 30, 30],
                         [rotation.record_failure() for _ in range(7)])
        for _ in range(5000):
            self.assertEqual(30, rotation.record_failure())

    def test_success_keeps_the_host_and_resets_the_backoff(self):
        rotation = self.rotation('a', 'b')
        for _ in range(5):
            rotation.record_failure()
        self.assertEqual('b', rotation.host().name)
        rotation.record_success()
        self.assertEqual('b', rotation.host().name)
        self.assertEqual(0, rotation.record_failure())
        self.assertEqual(1, rotation.record_failure())

    def test_jitter_shortens_the_backoff_by_up_to_half(self):
        self.assertEqual(10, self.rotation(
            'a', min_backoff=20, jitter=1.0).record_failure())

    def test_jitter_selects_the_first_host(self):
        for jitter, name in ((0.0, 'a'), (0.4, 'b'), (0.99, 'c')):
            self.assertEqual(
                name, self.rotation('a', 'b', 'c', jitter=jitter).host().name)

    def test_max_backoff_below_min_backoff_is_ignored(self):
        rotation = self.rotation('a', min_backoff=5, max_backoff=1)
        self.assertEqual([5, 5], [rotation.record_failure() for _ in range(2)])
