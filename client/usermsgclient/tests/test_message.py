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

    def listed(self, *arguments):
        return self.run_command(message.ListMessages, *arguments)

    def test_the_first_columns_are_those_that_users_want(self):
        self.serve(base.message())
        [row] = json.loads(self.listed('-f', 'json'))
        self.assertEqual(
            {'ID': base.message()['id'], 'Message Level': 'ERROR',
             'Resource Type': 'VOLUME', 'Resource UUID': base.VOLUME,
             'User Message': 'No storage could be allocated.',
             'Created At': '2026-11-21T22:04:03.563295+00:00'}, row)

    def test_long_shows_all_there_is(self):
        shown = base.message()
        self.serve(shown)
        [row] = json.loads(self.listed('-f', 'json', '--long'))
        del shown['links']
        self.assertEqual(set(shown.values()), set(row.values()))

    def test_a_line_is_a_message(self):
        self.serve(base.message(2), base.message(1))
        rows = list(csv.reader(io.StringIO(
            self.listed('-f', 'csv', '-c', 'ID'))))
        self.assertEqual([['ID'], [base.message(2)['id']],
                          [base.message(1)['id']]], rows)

    def test_nothing_is_asked_that_was_not(self):
        self.serve()
        self.listed()
        self.assertEqual([('GET', '/messages')], self.asked())

    def test_every_option_is_asked_of_the_service(self):
        self.serve()
        self.cloud.get(f'{base.IDENTITY}/projects/red', json={
            'project': {'id': 'p1', 'name': 'red'}})
        self.listed(
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
             'sort': ['created_at:asc'], 'limit': ['5'], 'marker': ['m']},
            self.cloud.last_request.qs)

    def test_a_time_that_begins_after_its_end_is_refused(self):
        self.assertIn('--since is later than --before', self.failure_of(
            message.ListMessages, '--since', '1h', '--before', '2h'))
        self.assertEqual([], self.asked())

    def test_wrong_values_are_named_with_their_option(self):
        for option, value in (('--since', '2 days'), ('--before', 'now'),
                              ('--level', 'bad'), ('--limit', '0'),
                              ('--sort', 'id'), ('--language', 'd e')):
            self.assertIn(f'argument {option}: ', self.usage_error_of(
                message.ListMessages, option, value))
        self.assertEqual([], self.asked())

    def test_a_refusal_is_what_the_service_says(self):
        self.cloud.get(f'{base.SERVICE}/messages', **base.refusal(
            403, 'Policy does not allow it.'))
        self.assertEqual(
            f'Policy does not allow it. (HTTP 403, request '
            f'{base.REQUEST_ID})', self.failure_of(message.ListMessages))

    def test_a_refusal_of_a_further_page_is_too(self):
        self.cloud.get(f'{base.SERVICE}/messages', [
            {'json': {'messages': [base.message()], 'messages_links': [
                {'rel': 'next', 'href': f'{base.SERVICE}/messages?'
                                        'marker=m'}]}},
            base.refusal(503, 'The database is away.')])
        self.assertIn('The database is away. (HTTP 503',
                      self.failure_of(message.ListMessages))

    def test_a_refusal_of_somebody_else_is_told_as_it_is(self):
        for body, headers in (
                ('<html><h1>502 Bad Gateway</h1></html>',
                 {'Content-Type': 'text/html'}),
                ('["no", "object"]', {'Content-Type': 'application/json'}),
                ('{"errors": 5}', {'Content-Type': 'application/json'}),
                ('', {})):
            self.cloud.get(f'{base.SERVICE}/messages', status_code=502,
                           text=body, headers=headers)
            said = self.failure_of(message.ListMessages)
            self.assertIn('502', said)
            self.assertNotIn('Traceback', said)

    def test_texts_come_in_the_language_that_is_chosen(self):
        self.serve()
        self.listed('--language', 'de')
        self.assertEqual(
            'de', self.cloud.last_request.headers['Accept-Language'])
        self.listed()
        self.assertNotIn('Accept-Language', self.cloud.last_request.headers)


class TestShow(base.CommandTestCase):

    def test_a_message_is_shown_with_all_it_has(self):
        shown = base.message()
        self.cloud.get(f'{base.SERVICE}/messages/{shown["id"]}',
                       json={'message': shown})
        output = self.run_command(
            message.ShowMessage, shown['id'], '-f', 'json')
        del shown['links']
        self.assertEqual(shown, json.loads(output))

    def test_what_is_missing_is_named(self):
        self.cloud.get(f'{base.SERVICE}/messages/x', **base.refusal(
            404, 'Message x could not be found.'))
        self.assertIn('Message x could not be found. (HTTP 404',
                      self.failure_of(message.ShowMessage, 'x'))

    def test_an_empty_id_is_refused(self):
        self.assertIn('an ID must not be empty',
                      self.usage_error_of(message.ShowMessage, ''))


class TestCreate(base.CommandTestCase):

    def setUp(self):
        super().setUp()
        self.cloud.post(f'{base.SERVICE}/messages', status_code=201,
                        json={'message': base.message()})
        for kind, name in (('project', 'red'), ('user', 'alice')):
            self.cloud.get(f'{base.IDENTITY}/{kind}s/{name}', json={
                kind: {'id': f'{name}-id', 'name': name}})

    def test_an_event_is_recorded(self):
        output = self.run_command(
            message.CreateMessage, '--event-id', 'VOLUME_000002',
            '--project', 'red', '-f', 'json')
        self.assertEqual(
            {'message': {'event_id': 'VOLUME_000002',
                         'project_id': 'red-id'}},
            self.cloud.last_request.json())
        self.assertEqual(base.message()['id'], json.loads(output)['id'])

    def test_an_action_is_recorded_with_all_there_is(self):
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

    def test_what_is_needed_is_asked_for(self):
        for arguments, said in (
                (['--project', 'red'],
                 'one of the arguments --event-id --action is required'),
                (['--event-id', 'E', '--action', 'A', '--project', 'red'],
                 'not allowed with argument'),
                (['--event-id', 'E'],
                 'the following arguments are required: --project')):
            self.assertIn(said, self.usage_error_of(
                message.CreateMessage, *arguments))
        self.assertEqual([], self.asked())

    def test_a_refusal_is_what_the_service_says(self):
        self.cloud.post(f'{base.SERVICE}/messages', **base.refusal(
            409, 'message.source_id: was used before.'))
        self.assertIn('message.source_id: was used before. (HTTP 409',
                      self.failure_of(
                          message.CreateMessage, '--event-id', 'E',
                          '--project', 'red', '--source-id', 'key'))


class TestDelete(base.CommandTestCase):

    def test_messages_are_deleted(self):
        for name in ('a', 'b'):
            self.cloud.delete(f'{base.SERVICE}/messages/{name}',
                              status_code=204)
        self.assertEqual('', self.run_command(
            message.DeleteMessage, 'a', 'b'))
        self.assertEqual([('DELETE', '/messages/a'),
                          ('DELETE', '/messages/b')], self.asked())

    def test_one_that_fails_is_named_and_the_others_are_deleted(self):
        for name in ('a', 'c'):
            self.cloud.delete(f'{base.SERVICE}/messages/{name}',
                              status_code=204)
        self.cloud.delete(f'{base.SERVICE}/messages/b',
                          **base.refusal(404, 'It is not here.'))
        self.assertEqual(
            '1 of 3 messages could not be deleted.',
            self.failure_of(message.DeleteMessage, 'a', 'b', 'c'))
        self.assertEqual(3, len(self.asked()))
        self.assertEqual(
            'Failed to delete message b: It is not here. (HTTP 404, request '
            f'{base.REQUEST_ID})\n', self.log.output)
