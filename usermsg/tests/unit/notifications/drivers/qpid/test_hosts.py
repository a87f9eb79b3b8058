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

    def test_all_parts_are_read(self):
        self.assertEqual(
            (host.Host('a.example', 5671, True, 'me', 'p@ss,word'),
             host.Host('192.0.2.1', 99, False),
             host.Host('2001:db8::1', 5672, False)),
            hosts.read('amqps://me:p%40ss%2Cword@a.example, '
                       'amqp://192.0.2.1:99/,amqp://[2001:db8::1]'))

    def test_a_host_is_shown_without_the_password(self):
        host, = hosts.read('amqps://me:secret@[2001:db8::1]:7')
        self.assertEqual('amqps://[2001:db8::1]:7', str(host))
        self.assertNotIn('secret', repr(host))

    @given(username=LOGINS, password=LOGINS)
    def test_any_login_can_be_written(self, username, password):
        login = ':'.join(parse.quote(text, safe='')
                         for text in (username, password))
        host, = hosts.read(f'amqp://{login}@h')
        self.assertEqual((username, password),
                         (host.username, host.password))

    def test_what_is_wrong_is_named_without_what_it_holds(self):
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
            self.assertIn('[oslo_messaging_qpid] hosts: address number 2',
                          str(error))
            self.assertNotIn('secret', str(error))

    @given(strategies.text())
    def test_any_text_is_read_or_refused(self, text):
        try:
            found = hosts.read(text)
        except exception.ConfigurationError:
            return
        for each in found:
            self.assertTrue(each.name and 0 < each.port < 65536)


class RotationTest(testtools.TestCase):

    def rotation(self, *names, shortest=1, longest=30, jitter=0.0):
        return hosts.Rotation(
            [host.Host(name, 1, False) for name in names], shortest,
            longest, lambda: jitter)

    def test_all_are_tried_before_anything_is_waited_for(self):
        rotation = self.rotation('a', 'b', 'c')
        tried, waits = [], []
        for _ in range(4):
            tried.append(rotation.host().name)
            waits.append(rotation.failed())
        self.assertEqual(['a', 'b', 'c', 'a'], tried)
        self.assertEqual([0, 0, 1, 0], waits)

    def test_the_wait_doubles_up_to_the_longest(self):
        rotation = self.rotation('a')
        self.assertEqual([1, 2, 4, 8, 16, 30, 30],
                         [rotation.failed() for _ in range(7)])
        for _ in range(5000):
            self.assertEqual(30, rotation.failed())

    def test_one_that_worked_is_kept_and_the_wait_begins_anew(self):
        rotation = self.rotation('a', 'b')
        for _ in range(5):
            rotation.failed()
        self.assertEqual('b', rotation.host().name)
        rotation.worked()
        self.assertEqual('b', rotation.host().name)
        self.assertEqual(0, rotation.failed())
        self.assertEqual(1, rotation.failed())

    def test_not_all_wait_as_long(self):
        self.assertEqual(10, self.rotation(
            'a', shortest=20, jitter=1.0).failed())

    def test_not_all_begin_with_the_same(self):
        for jitter, name in ((0.0, 'a'), (0.4, 'b'), (0.99, 'c')):
            self.assertEqual(
                name, self.rotation('a', 'b', 'c', jitter=jitter).host().name)

    def test_a_longest_wait_below_the_shortest_is_the_shortest(self):
        rotation = self.rotation('a', shortest=5, longest=1)
        self.assertEqual([5, 5], [rotation.failed() for _ in range(2)])
