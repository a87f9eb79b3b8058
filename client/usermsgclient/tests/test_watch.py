# SPDX-License-Identifier: Apache-2.0
import itertools
import signal

import fixtures
from keystoneauth1 import exceptions as ksa_exceptions

from usermsgclient.osc import message
from usermsgclient.osc import watch
from usermsgclient.tests import base


class TestWatch(base.CommandTestCase):

    def serve(self, *pages):
        """Serve lists: numbers of messages, or parameters of a failure.

        After them, Ctrl-C is pressed.
        """
        self.cloud.get(f'{base.SERVICE}/messages', [
            {'json': {'messages': [base.message(number) for number in page]}}
            if isinstance(page, (list, tuple)) else page for page in pages])
        self.interrupt_after(len(pages))

    def interrupt_after(self, number):
        """Press Ctrl-C after a number of lists."""
        delays = itertools.count(1)

        def sleep(seconds):
            if next(delays) == number:
                raise KeyboardInterrupt

        self.useFixture(fixtures.MonkeyPatch('time.sleep', sleep))

    def summarize(self, follow_id):
        self.cloud.get(f'{base.SERVICE}/messages/summary',
                       json={'summary': {'newest_id': base.message(9)['id'],
                                         'follow_id': follow_id,
                                         'levels': {}}})

    def watch(self, *arguments):
        return self.run_command(
            message.ListMessages, '--watch', *arguments).splitlines()

    def markers(self):
        return [request.qs.get('marker', [None])[0]
                for request in self.cloud.request_history
                if request.path == '/v3/messages']

    def test_watch_writes_a_line_for_each_new_message(self):
        self.summarize(base.message(1)['id'])
        self.serve([2, 3], [], [4])
        self.assertEqual(
            [base.message(number)['id'] for number in (2, 3, 4)],
            self.watch('-c', 'ID'))
        self.assertEqual(
            [base.message(number)['id'] for number in (1, 3, 3)],
            self.markers())
        self.assertEqual(['created_at:asc'],
                         self.cloud.last_request.qs['sort'])

    def test_interrupt_in_a_destructor_is_not_lost(self):
        class Response:
            def __del__(self):
                signal.raise_signal(signal.SIGINT)

        # Python would print the exception that it discards.
        self.useFixture(fixtures.MonkeyPatch(
            'sys.unraisablehook', lambda unraisable: None))
        previous = signal.getsignal(signal.SIGINT)
        with watch.interruptible() as sleep:
            sleep(0)
            Response()
            self.assertRaises(KeyboardInterrupt, sleep, 0)
        self.assertIs(previous, signal.getsignal(signal.SIGINT))

    def test_text_is_escaped_if_the_locale_lacks_its_characters(self):
        self.cloud.get(f'{base.SERVICE}/messages', json={'messages': [
            base.message(user_message='Zone gel\xf6scht \u2013 \U0001f6ab')]})
        for encoding, expected in (
                ('ascii', 'Zone gel\\xf6scht \\u2013 \\U0001f6ab\n'),
                ('latin-1', 'Zone gel\xf6scht \\u2013 \\U0001f6ab\n')):
            self.interrupt_after(1)
            self.assertEqual(expected, self.run_command(
                message.ListMessages, '--watch', '--since', '1h', '-c',
                'User Message', encoding=encoding))

    def test_watch_shows_time_level_resource_and_text(self):
        self.summarize(base.message(0)['id'])
        self.serve([1])
        self.assertEqual(
            ['2026-11-21T22:04:03.563295+00:00 ERROR VOLUME '
             f'{base.VOLUME} No storage could be allocated.'], self.watch())

    def test_watch_of_all_projects_shows_whose_messages_they_are(self):
        self.summarize(None)
        self.serve([1])
        [line] = self.watch('--all-projects')
        self.assertTrue(line.endswith(f'allocated. {base.PROJECT}'), line)

    def test_watch_since_a_time_begins_without_a_marker(self):
        self.serve([1], [])
        self.watch('--since', '2026-01-01', '--level', 'error')
        self.assertEqual([None, base.message(1)['id']], self.markers())
        self.assertEqual(['error'],
                         self.cloud.last_request.qs['message_level'])

    def test_watch_of_all_projects_begins_with_their_last_seconds(self):
        self.summarize(base.message(1)['id'])
        self.serve([])
        self.watch('--all-projects', '--event-id', 'VOLUME_000002')
        [summary] = [request for request in self.cloud.request_history
                     if request.path == '/v3/messages/summary']
        self.assertEqual({'all_projects': ['true']}, summary.qs)
        self.assertEqual([base.message(1)['id']], self.markers())

    def test_watch_continues_after_a_temporary_failure(self):
        for failure, expected in (
                (base.error_response(503, 'The database is down.'),
                 'The database is down. (HTTP 503'),
                (base.error_response(429, 'Too many.'),
                 'Too many. (HTTP 429'),
                ({'exc': ksa_exceptions.ConnectFailure('No connection.')},
                 'No connection.'),
                ({'exc': ksa_exceptions.ConnectTimeout('No response.')},
                 'No response.'),
                ({'exc': ksa_exceptions.UnknownConnectionError(
                    'Half a response.', None)}, 'Half a response.'),
                # Of Keystone, when the token is renewed.
                ({'exc': ksa_exceptions.ServiceUnavailable('No Keystone.')},
                 'No Keystone.')):
            self.serve([1], failure, [2])
            self.assertEqual(
                [base.message(number)['id'] for number in (1, 2)],
                self.watch('-c', 'ID', '--since', '2026-01-01'))
            self.assertIn(expected, self.log.output)

    def test_watch_ends_with_an_error_of_keystoneauth(self):
        for error in (ksa_exceptions.SSLError('Not trusted.'),
                      ksa_exceptions.Unauthorized('Not permitted.')):
            self.serve([1], {'exc': error}, [2])
            self.assertRaises(type(error), self.watch, '--since',
                              '2026-01-01')

    def test_watch_ends_with_a_permanent_failure(self):
        for pages in ([[1], base.error_response(403, 'Not permitted.')],
                      [base.error_response(503, 'Not permitted.')]):
            self.serve(*pages, [])
            self.assertIn('Not permitted.', self.run_failing(
                message.ListMessages, '--watch', '--since', '2026-01-01'))

    def test_watch_with_other_options_is_an_error(self):
        for arguments, expected in (
                (('--limit', '1'), '--watch and --limit cannot be combined'),
                (('--sort', 'created_at'),
                 '--watch and --sort cannot be combined'),
                (('--sort-column', 'ID'),
                 '--watch and --sort-column cannot be combined'),
                (('--before', '2999-01-01'),
                 '--watch and --before cannot be combined'),
                (('-f', 'json'), '--watch writes a line for each message'),
                (('-c', 'Nope'), 'There is no column Nope')):
            self.assertIn(expected, self.run_failing(
                message.ListMessages, '--watch', *arguments))
