# SPDX-License-Identifier: Apache-2.0
import json

from usermsgclient.osc import definition
from usermsgclient.tests import base


class TestDefinitions(base.CommandTestCase):

    def list_rows(self, *arguments):
        self.cloud.get(f'{base.SERVICE}/defined-messages', json={
            'defined_messages': [base.definition()]})
        return json.loads(self.run_command(
            definition.ListDefinitions, '-f', 'json', *arguments))

    def test_list_shows_the_columns_for_users_by_default(self):
        self.assertEqual(
            [{'ID': 'VOLUME_000002', 'Resource Type': None,
              'Text': 'No storage could be allocated.',
              'User Fixable': True, 'Retryable': True}], self.list_rows())
        self.assertEqual([('GET', '/defined-messages')], self.sent_requests())

    def test_list_with_long_shows_all_fields(self):
        expected = base.definition()
        del expected['links']
        [row] = self.list_rows('--long')
        self.assertEqual(
            expected, {name.lower().replace(' ', '_'): value
                       for name, value in row.items()})

    def test_list_sends_every_option_to_the_service(self):
        self.list_rows('--prefix', 'volume', '--resource-type', 'volume',
                       '--user-fixable', '--not-retryable', '--limit', '5',
                       '--marker', 'VOLUME_000001')
        self.assertEqual(
            {'prefix': ['volume'], 'resource_type': ['volume'],
             'user_fixable': ['true'], 'retryable': ['false'],
             'limit': ['5'], 'marker': ['volume_000001']},
            self.cloud.last_request.qs)
        self.list_rows('--not-user-fixable', '--retryable')
        self.assertEqual({'user_fixable': ['false'], 'retryable': ['true']},
                         self.cloud.last_request.qs)

    def test_list_with_opposite_options_is_a_usage_error(self):
        self.assertIn('not allowed with argument', self.run_misused(
            definition.ListDefinitions, '--retryable', '--not-retryable'))

    def test_show_with_unknown_column_is_an_error(self):
        self.assertIn('There is no column nope.', self.run_failing(
            definition.ShowDefinition, 'VOLUME_000002', '-c', 'id', '-c',
            'nope'))

    def test_show_displays_all_fields(self):
        expected = base.definition()
        self.cloud.get(f'{base.SERVICE}/defined-messages/VOLUME_000002',
                       json={'defined_message': expected})
        output = self.run_command(
            definition.ShowDefinition, 'VOLUME_000002', '-f', 'json',
            '--language', 'de')
        del expected['links']
        self.assertEqual(expected, json.loads(output))
        self.assertEqual(
            'de', self.cloud.last_request.headers['Accept-Language'])
