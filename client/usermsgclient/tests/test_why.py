# SPDX-License-Identifier: Apache-2.0
import json
import types

import fixtures
from osc_lib import exceptions

from usermsgclient.osc import why
from usermsgclient.tests import base


class TestWhy(base.CommandTestCase):

    def setUp(self):
        super().setUp()
        self.serve(base.message())

    def serve(self, *messages):
        self.cloud.get(f'{base.SERVICE}/messages',
                       json={'messages': list(messages)})

    def output(self, *arguments):
        return self.run_command(why.Why, base.VOLUME, *arguments)

    def test_text_format_shows_cause_remedy_and_context(self):
        self.assertEqual(
            'No storage could be allocated. Ask for a smaller volume.\n'
            f'(ERROR, VOLUME {base.VOLUME}, 2026-11-21 22:04:03 UTC, request '
            'req-7e2fef96-6255-4c6b-af5f-39c34cf1ea70)\n', self.output())

    def test_text_is_escaped_if_the_locale_lacks_its_characters(self):
        self.serve(base.message(user_message='Zone gel\xf6scht'))
        self.assertTrue(self.run_command(
            why.Why, base.VOLUME, encoding='ascii').startswith(
                'Zone gel\\xf6scht Ask for a smaller volume.'))

    def test_text_format_omits_missing_fields(self):
        self.serve(base.message(resource_type=None, request_id=None,
                                resource_uuid='a'))
        self.assertEqual('(ERROR, a, 2026-11-21 22:04:03 UTC)',
                         self.output().splitlines()[1])

    def test_text_format_without_remedy_gives_a_hint(self):
        for flags, hint in (
                ((True, True), ' Trying again later may help.'),
                ((False, True), ' Trying again later may help.'),
                ((False, False), ' Only your operator can remove the cause.'),
                ((True, False), '')):
            self.serve(base.message(
                remedy=None, user_fixable=flags[0], retryable=flags[1]))
            self.assertEqual(f'No storage could be allocated.{hint}',
                             self.output().splitlines()[0])

    def test_text_format_shows_the_link(self):
        self.serve(base.message(link='https://cloud.example/storage'))
        self.assertEqual(
            'No storage could be allocated. Ask for a smaller volume. See '
            'https://cloud.example/storage', self.output().splitlines()[0])

    def test_error_needs_one_request(self):
        self.output()
        self.assertEqual(1, len(self.sent_requests()))

    def test_other_formats_show_the_fields(self):
        fields = json.loads(self.output('-f', 'json'))
        for name in ('user_message', 'message_level', 'event_id', 'id',
                     'project_id', 'resource_type', 'resource_uuid',
                     'created_at', 'request_id', 'remedy', 'user_fixable',
                     'retryable', 'link'):
            self.assertEqual(base.message()[name], fields.pop(name))
        for name in ('user_message', 'message_level', 'created_at'):
            self.assertIsNone(fields.pop(f'later_{name}'))
        self.assertEqual({}, fields)
        for name in ('shell', 'table', 'value', 'yaml'):
            self.assertIn('Ask for a smaller volume.',
                          self.output('-f', name))

    def test_text_format_with_columns_shows_those_alone(self):
        self.assertEqual('Ask for a smaller volume.\n',
                         self.output('-c', 'remedy'))

    def test_text_format_names_selected_fields_without_a_place(self):
        for names, lines in (
                (['event_id'], ['event_id: VOLUME_000002']),
                (['Event ID', 'user_message'],
                 ['No storage could be allocated.',
                  'event_id: VOLUME_000002']),
                (['link', 'retryable', 'later_created_at'],
                 ['retryable: True', 'link: None', 'later_created_at: None']),
                (['project_id', '--all-projects'],
                 [f'project_id: {base.PROJECT}'])):
            self.assertEqual(lines, self.output(*(
                name if name.startswith('-') else f'-c{name}'
                for name in names)).splitlines())

    def test_unknown_column_is_an_error_before_any_request(self):
        for arguments in ((), ('-f', 'json'), ('--wait',)):
            self.assertIn(
                'There is no column nope. The columns are user_message, ',
                self.run_failing(why.Why, base.VOLUME, '-c', 'id', '-c',
                                 'nope', *arguments))
        self.assertEqual([], self.sent_requests())

    def test_later_success_is_shown_first(self):
        later = base.message(
            2, user_message='It works.', message_level='INFO',
            created_at='2026-11-22T01:00:00+00:00')
        self.cloud.get(f'{base.SERVICE}/messages', [
            {'json': {'messages': [later]}},
            {'json': {'messages': [base.message()]}}] * 2)
        self.assertEqual(
            'It works. (INFO, 2026-11-22 01:00:00 UTC)\n'
            'Before that: No storage could be allocated. Ask for a smaller '
            'volume.\n'
            f'(ERROR, VOLUME {base.VOLUME}, 2026-11-21 22:04:03 UTC, request '
            'req-7e2fef96-6255-4c6b-af5f-39c34cf1ea70)\n', self.output())
        fields = json.loads(self.output('-f', 'json'))
        self.assertEqual(base.message()['id'], fields['id'])
        self.assertEqual('It works.', fields['later_user_message'])

    def test_newest_message_without_an_error_is_shown_alone(self):
        newest = base.message(user_message='It works.', message_level='INFO')
        self.cloud.get(f'{base.SERVICE}/messages', [
            {'json': {'messages': [newest]}}, {'json': {'messages': []}},
            {'json': {'messages': [newest]}}])
        self.assertEqual('It works. Ask for a smaller volume.',
                         self.output().splitlines()[0])

    def test_resource_without_message_is_an_error(self):
        self.serve()
        self.assertIn(f'No message about {base.VOLUME} was found. Give the ID',
                      self.run_failing(why.Why, base.VOLUME))

    def wait(self, *pages, **options):
        """Run the command with --wait.

        :param pages: messages of the lists, which are requested one by one,
            or parameters of a failure
        :param options: of the command
        """
        self.cloud.get(f'{base.SERVICE}/messages', [
            {'json': {'messages': page}} if isinstance(page, list) else page
            for page in pages])
        delays = []
        self.useFixture(fixtures.MonkeyPatch(
            'usermsgclient.osc.why.time', types.SimpleNamespace(
                sleep=delays.append,
                monotonic=lambda: 3.0 * len(delays))))
        return delays, self.output('--wait', *(
            argument for name, value in options.items()
            for argument in (f'--{name}', str(value))))

    def test_wait_ends_with_the_first_error_message(self):
        error = base.message()
        delays, output = self.wait([], [], [error], [error])
        self.assertEqual([3, 3], delays)
        self.assertIn('No storage could be allocated.', output)
        self.assertEqual(['error'] * 3, [
            request.qs['message_level'][0]
            for request in self.cloud.request_history
            if 'message_level' in request.qs])

    def test_wait_continues_after_a_temporary_failure(self):
        error = base.message()
        delays, output = self.wait(
            [], base.error_response(503, 'The database is down.'),
            base.error_response(429, 'Too many.'), [error], [error])
        self.assertEqual([3, 3, 3], delays)
        self.assertIn('No storage could be allocated.', output)
        self.assertIn('The database is down. (HTTP 503', self.log.output)

    def test_temporary_failures_end_with_the_timeout(self):
        failure = base.error_response(503, 'The database is down.')
        self.assertIn('The database is down. (HTTP 503', str(
            self.assertRaises(exceptions.CommandError, self.wait, [], failure,
                              failure, failure, timeout=6)))

    def test_wait_ends_with_a_permanent_failure(self):
        for pages in ([[], base.error_response(403, 'Not permitted.')],
                      [base.error_response(503, 'Not permitted.')]):
            self.assertIn('Not permitted.', str(self.assertRaises(
                exceptions.CommandError, self.wait, *pages, [])))

    def test_default_timeout_is_five_minutes(self):
        delays, _output = self.wait([], *[[]] * 100, [base.message()])
        self.assertEqual([3] * 100, delays)

    def test_timeout_without_wait_is_an_error(self):
        self.assertEqual('--timeout requires --wait.', self.run_failing(
            why.Why, base.VOLUME, '--timeout', '300'))

    def test_wait_shows_another_message_after_the_timeout(self):
        newest = base.message(user_message='It works.', message_level='INFO')
        delays, output = self.wait([], [], [], [newest], [], [newest],
                                   timeout=4)
        self.assertEqual([3, 1], delays)
        self.assertIn('It works.', output)

    def test_resource_is_looked_up_by_its_name(self):
        calls = []

        def find_volume(name, ignore_missing):
            calls.append(name)
            return types.SimpleNamespace(id=base.VOLUME)

        self.useFixture(fixtures.MockPatchObject(
            type(self.manager.sdk_connection), 'block_storage',
            types.SimpleNamespace(find_volume=find_volume)))
        self.run_command(why.Why, '--volume', 'data')
        self.assertEqual(['data'], calls)
        self.assertEqual([base.VOLUME],
                         self.cloud.last_request.qs['resource_uuid'])

    def test_name_with_a_scope_of_projects_is_an_error(self):
        for scope in (('--all-projects',), ('--project', base.PROJECT)):
            self.manager.auth_ref = None
            self.assertIn(
                '--volume data: names are looked up in your own project. '
                'With --all-projects or --project give the ID of the volume.',
                self.run_failing(why.Why, '--volume', 'data', *scope))
            self.assertEqual([], self.sent_requests())

    def test_id_with_a_scope_of_projects_is_not_looked_up(self):
        # openstacksdk has no endpoint of block storage here.
        self.run_command(why.Why, '--volume', base.VOLUME, '--all-projects')
        self.assertEqual([base.VOLUME],
                         self.cloud.last_request.qs['resource_uuid'])

    def test_several_resources_are_a_usage_error(self):
        self.assertIn('not allowed with argument', self.run_misused(
            why.Why, base.VOLUME, '--server', 'web'))
        self.assertIn('is required', self.run_misused(why.Why))

    def test_empty_id_is_a_usage_error(self):
        self.assertIn('an ID must not be empty',
                      self.run_misused(why.Why, ''))

    def test_all_projects_is_sent_to_the_service(self):
        self.output('--all-projects')
        queries = [request.qs for request in self.cloud.request_history
                   if request.path == '/v3/messages']
        self.assertEqual([['true']], [query['all_projects']
                                      for query in queries])

    def test_text_of_all_projects_contains_the_project(self):
        self.assertIn(
            f'(ERROR, VOLUME {base.VOLUME}, project {base.PROJECT}, 2026-',
            self.output('--all-projects'))

    def test_language_is_sent_with_every_request(self):
        self.output('--language', 'de')
        self.assertEqual({'de'}, {
            request.headers.get('Accept-Language')
            for request in self.cloud.request_history
            if request.path == '/v3/messages'})
