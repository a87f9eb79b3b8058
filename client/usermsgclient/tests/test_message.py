# SPDX-License-Identifier: Apache-2.0
import csv
import io
import json

from usermsgclient.osc import message
from usermsgclient.tests import base


class TestList(base.CommandTestCase):

    def serve(self, *messages):
        self.cloud.get(f'{base.SERVICE}/messages',
                       json={'messages': list(messages)})

    def list_rows(self, *arguments):
        return self.run_command(message.ListMessages, *arguments)

    def test_list_shows_the_columns_for_users_by_default(self):
        self.serve(base.message())
        [row] = json.loads(self.list_rows('-f', 'json'))
        self.assertEqual(
            {'ID': base.message()['id'], 'Message Level': 'ERROR',
             'Resource Type': 'VOLUME', 'Resource UUID': base.VOLUME,
             'User Message': 'No storage could be allocated.',
             'Created At': '2026-11-21T22:04:03.563295+00:00'}, row)

    def test_list_with_long_shows_all_fields(self):
        expected = base.message()
        self.serve(expected)
        [row] = json.loads(self.list_rows('-f', 'json', '--long'))
        del expected['links']
        self.assertEqual(set(expected.values()), set(row.values()))

    def test_list_shows_an_additional_column_that_is_requested(self):
        self.serve(base.message())
        for name in ('Event ID', 'event_id', 'Project ID'):
            [row] = json.loads(self.list_rows('-f', 'json', '-c', name))
            self.assertEqual([base.message()[name.lower().replace(' ', '_')]],
                             list(row.values()))
        self.list_rows('--sort-column', 'Event ID')

    def test_list_with_unknown_column_is_an_error(self):
        self.serve(base.message())
        self.assertIn(
            'There is no column Event. The columns are ID, ',
            self.run_failing(message.ListMessages, '-c', 'ID', '-c', 'Event'))

    def test_list_of_all_projects_shows_whose_messages_they_are(self):
        self.serve(base.message(project_id='p2'))
        [row] = json.loads(self.list_rows('-f', 'json', '--all-projects'))
        self.assertEqual('p2', row['Project ID'])

    def test_list_writes_one_line_per_message(self):
        self.serve(base.message(2), base.message(1))
        rows = list(csv.reader(io.StringIO(
            self.list_rows('-f', 'csv', '-c', 'ID'))))
        self.assertEqual([['ID'], [base.message(2)['id']],
                          [base.message(1)['id']]], rows)

    def test_list_without_options_sends_no_query(self):
        self.serve()
        self.list_rows()
        self.assertEqual([('GET', '/messages')], self.sent_requests())

    def test_list_sends_every_option_to_the_service(self):
        self.serve()
        self.cloud.get(f'{base.IDENTITY}/projects/red', json={
            'project': {'id': 'p1', 'name': 'red'}})
        self.list_rows(
            '--resource-type', 'volume', '--resource', 'some', '--event-id',
            'VOLUME_000002', '--request-id', 'req-1', '--level', 'warn',
            '--since', '2026-01-01', '--before', '2026-01-02',
            '--all-projects', '--project', 'red', '--sort', 'created_at',
            '--limit', '5', '--marker', 'm')
        self.assertEqual(
            {'resource_type': ['volume'], 'resource_uuid': ['some'],
             'event_id': ['volume_000002'], 'request_id': ['req-1'],
             'message_level': ['warn'],
             'created_since': ['2026-01-01t00:00:00+00:00'],
             'created_before': ['2026-01-02t00:00:00+00:00'],
             'all_projects': ['true'], 'project_id': ['p1'],
             'sort': ['created_at:desc'], 'limit': ['5'], 'marker': ['m']},
            self.cloud.last_request.qs)

    def test_list_with_since_after_before_is_an_error(self):
        self.assertIn('--since is later than --before', self.run_failing(
            message.ListMessages, '--since', '1h', '--before', '2h'))
        self.assertEqual([], self.sent_requests())

    def test_list_with_invalid_value_names_the_option(self):
        for option, value in (('--since', '2 days'), ('--before', 'now'),
                              ('--level', 'bad'), ('--limit', '0'),
                              ('--sort', 'id'), ('--language', 'd e')):
            self.assertIn(f'argument {option}: ', self.run_misused(
                message.ListMessages, option, value))
        self.assertEqual([], self.sent_requests())

    def test_list_reports_the_error_of_the_service(self):
        self.cloud.get(f'{base.SERVICE}/messages', **base.error_response(
            403, 'Policy does not allow it.'))
        self.assertEqual(
            f'Policy does not allow it. (HTTP 403, request '
            f'{base.REQUEST_ID})', self.run_failing(message.ListMessages))

    def test_list_with_error_on_second_page_reports_it(self):
        self.cloud.get(f'{base.SERVICE}/messages', [
            {'json': {'messages': [base.message()], 'messages_links': [
                {'rel': 'next', 'href': f'{base.SERVICE}/messages?'
                                        'marker=m'}]}},
            base.error_response(503, 'The database is unavailable.')])
        self.assertIn('The database is unavailable. (HTTP 503',
                      self.run_failing(message.ListMessages))

    def test_list_with_error_of_a_proxy_reports_the_status(self):
        for body, headers in (
                ('<html><h1>502 Bad Gateway</h1></html>',
                 {'Content-Type': 'text/html'}),
                ('["no", "object"]', {'Content-Type': 'application/json'}),
                ('{"errors": 5}', {'Content-Type': 'application/json'}),
                ('', {})):
            self.cloud.get(f'{base.SERVICE}/messages', status_code=502,
                           text=body, headers=headers)
            error = self.run_failing(message.ListMessages)
            self.assertIn('502', error)
            self.assertNotIn('Traceback', error)

    def test_help_explains_both_orders(self):
        text = ' '.join(message.ListMessages(None, None).get_parser(
            'list').format_help().split())
        for part in ('created_at:desc (default): newest first',
                     'created_at:asc, for programs that follow',
                     'without the messages of the last seconds',
                     'as --marker to miss none',
                     'created_at alone is created_at:desc'):
            self.assertIn(part, text)

    def test_list_requests_texts_in_the_chosen_language(self):
        self.serve()
        self.list_rows('--language', 'de')
        self.assertEqual(
            'de', self.cloud.last_request.headers['Accept-Language'])
        self.list_rows()
        self.assertNotIn('Accept-Language', self.cloud.last_request.headers)


class TestShow(base.CommandTestCase):

    def test_show_displays_all_fields(self):
        expected = base.message()
        self.cloud.get(f'{base.SERVICE}/messages/{expected["id"]}',
                       json={'message': expected})
        output = self.run_command(
            message.ShowMessage, expected['id'], '-f', 'json')
        del expected['links']
        self.assertEqual(expected, json.loads(output))

    def test_show_of_missing_message_names_it(self):
        self.cloud.get(f'{base.SERVICE}/messages/x', **base.error_response(
            404, 'Message x could not be found.'))
        self.assertIn('Message x could not be found. (HTTP 404',
                      self.run_failing(message.ShowMessage, 'x'))

    def test_show_with_unknown_column_is_an_error(self):
        self.assertIn(
            'There is no column nope. The columns are id, ',
            self.run_failing(message.ShowMessage, 'x', '-c', 'ID', '-c',
                             'nope'))

    def test_show_with_empty_id_is_a_usage_error(self):
        self.assertIn('an ID must not be empty',
                      self.run_misused(message.ShowMessage, ''))


class TestCreate(base.CommandTestCase):

    def setUp(self):
        super().setUp()
        self.cloud.post(f'{base.SERVICE}/messages', status_code=201,
                        json={'message': base.message()})
        for kind, name in (('project', 'red'), ('user', 'alice')):
            self.cloud.get(f'{base.IDENTITY}/{kind}s/{name}', json={
                kind: {'id': f'{name}-id', 'name': name}})

    def test_create_with_event_id_records_the_event(self):
        output = self.run_command(
            message.CreateMessage, '--event-id', 'VOLUME_000002',
            '--project', 'red', '-f', 'json')
        self.assertEqual(
            {'message': {'event_id': 'VOLUME_000002',
                         'project_id': 'red-id'}},
            self.cloud.last_request.json())
        self.assertEqual(base.message()['id'], json.loads(output)['id'])

    def test_create_with_action_sends_all_options(self):
        self.run_command(
            message.CreateMessage, '--action', 'ATTACH_VOLUME', '--detail',
            'QUOTA', '--resource-type', 'volume', '--resource', base.VOLUME,
            '--level', 'info', '--project', 'red', '--user', 'alice',
            '--request-id', 'req-1', '--source-id', 'key')
        self.assertEqual(
            {'message': {
                'action': 'ATTACH_VOLUME', 'detail': 'QUOTA',
                'resource_type': 'volume', 'resource_uuid': base.VOLUME,
                'message_level': 'INFO', 'project_id': 'red-id',
                'user_id': 'alice-id', 'request_id': 'req-1',
                'source_id': 'key'}}, self.cloud.last_request.json())

    def test_create_without_required_option_is_a_usage_error(self):
        for arguments, error in (
                (['--project', 'red'],
                 'one of the arguments --event-id --action is required'),
                (['--event-id', 'E', '--action', 'A', '--project', 'red'],
                 'not allowed with argument'),
                (['--event-id', 'E'],
                 'the following arguments are required: --project')):
            self.assertIn(error, self.run_misused(
                message.CreateMessage, *arguments))
        self.assertEqual([], self.sent_requests())

    def test_create_with_unknown_column_records_no_message(self):
        self.assertIn('There is no column nope.', self.run_failing(
            message.CreateMessage, '--event-id', 'E', '--project', 'red',
            '-c', 'nope'))
        self.assertEqual([], self.sent_requests())

    def test_create_reports_the_error_of_the_service(self):
        self.cloud.post(f'{base.SERVICE}/messages', **base.error_response(
            409, 'message.source_id: was used before.'))
        self.assertIn('message.source_id: was used before. (HTTP 409',
                      self.run_failing(
                          message.CreateMessage, '--event-id', 'E',
                          '--project', 'red', '--source-id', 'key'))


class TestDelete(base.CommandTestCase):

    def test_delete_removes_each_message(self):
        for name in ('a', 'b'):
            self.cloud.delete(f'{base.SERVICE}/messages/{name}',
                              status_code=204)
        self.assertEqual('', self.run_command(
            message.DeleteMessage, 'a', 'b'))
        self.assertEqual([('DELETE', '/messages/a'),
                          ('DELETE', '/messages/b')], self.sent_requests())

    def test_delete_with_one_failure_deletes_the_others(self):
        for name in ('a', 'c'):
            self.cloud.delete(f'{base.SERVICE}/messages/{name}',
                              status_code=204)
        self.cloud.delete(f'{base.SERVICE}/messages/b',
                          **base.error_response(
                              404, 'Message b could not be found.'))
        self.assertEqual(
            '1 of 3 messages could not be deleted.',
            self.run_failing(message.DeleteMessage, 'a', 'b', 'c'))
        self.assertEqual(3, len(self.sent_requests()))
        self.assertEqual(
            'Failed to delete message b: Message b could not be found. (HTTP '
            f'404, request {base.REQUEST_ID})\n', self.log.output)
