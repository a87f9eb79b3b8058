# SPDX-License-Identifier: Apache-2.0
import json

from usermsgclient.osc import definition
from usermsgclient.tests import base


class TestDefinitions(base.CommandTestCase):

    def listed(self, *arguments):
        self.cloud.get(f'{base.SERVICE}/defined-messages', json={
            'defined_messages': [base.definition()]})
        return json.loads(self.run_command(
            definition.ListDefinitions, '-f', 'json', *arguments))

    def test_the_first_columns_are_those_that_users_want(self):
        self.assertEqual(
            [{'ID': 'VOLUME_000002', 'Resource Type': None,
              'Text': 'No storage could be allocated.',
              'User Fixable': True, 'Retryable': True}], self.listed())
        self.assertEqual([('GET', '/defined-messages')], self.asked())

    def test_long_shows_all_there_is(self):
        shown = base.definition()
        del shown['links']
        [row] = self.listed('--long')
        self.assertEqual(
            shown, {name.lower().replace(' ', '_'): value
                    for name, value in row.items()})

    def test_every_option_is_asked_of_the_service(self):
        self.listed('--prefix', 'volume', '--resource-type', 'volume',
                    '--user-fixable', '--not-retryable', '--limit', '5',
                    '--marker', 'VOLUME_000001')
        self.assertEqual(
            {'prefix': ['volume'], 'resource_type': ['volume'],
             'user_fixable': ['true'], 'retryable': ['false'],
             'limit': ['5'], 'marker': ['volume_000001']},
            self.cloud.last_request.qs)
        self.listed('--not-user-fixable', '--retryable')
        self.assertEqual({'user_fixable': ['false'], 'retryable': ['true']},
                         self.cloud.last_request.qs)

    def test_only_one_of_two_opposites_can_be_given(self):
        self.assertIn('not allowed with argument', self.usage_error_of(
            definition.ListDefinitions, '--retryable', '--not-retryable'))

    def test_one_is_shown_with_all_it_has(self):
        shown = base.definition()
        self.cloud.get(f'{base.SERVICE}/defined-messages/VOLUME_000002',
                       json={'defined_message': shown})
        output = self.run_command(
            definition.ShowDefinition, 'VOLUME_000002', '-f', 'json',
            '--language', 'de')
        del shown['links']
        self.assertEqual(shown, json.loads(output))
        self.assertEqual(
            'de', self.cloud.last_request.headers['Accept-Language'])
