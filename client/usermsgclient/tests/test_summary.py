# SPDX-License-Identifier: Apache-2.0
import json

from usermsgclient.osc import summary
from usermsgclient.tests import base


class TestSummary(base.CommandTestCase):

    def rows(self, *arguments, **counts):
        counts = {'total': 3, 'more': False, 'ttl': 2592000, **counts}
        self.cloud.get(f'{base.SERVICE}/messages/summary',
                       json={'summary': {'newest_id': None,
                                         'levels': {'ERROR': counts}}})
        return json.loads(self.run_command(
            summary.ShowSummary, '-f', 'json', *arguments))

    def test_summary_shows_unread_total_and_retention_of_each_level(self):
        self.assertEqual(
            [{'Message Level': 'ERROR', 'Unread': 2, 'Total': 3,
              'Kept For (Days)': 30.0}],
            self.rows(unread=2, more_unread=False))

    def test_numbers_that_may_be_higher_have_a_plus(self):
        [row] = self.rows(total=1000, more=True, unread=1000,
                          more_unread=True)
        self.assertEqual(('1000+', '1000+'), (row['Total'], row['Unread']))

    def test_summary_of_all_projects_has_no_unread_messages(self):
        [row] = self.rows('--all-projects')
        self.assertIsNone(row['Unread'])
        self.assertEqual({'all_projects': ['true']},
                         self.cloud.last_request.qs)

    def test_filters_are_sent_to_the_service(self):
        self.rows('--level', 'error', '--resource', 'v', '--since',
                  '2026-01-01')
        self.assertEqual(
            {'message_level': ['error'], 'resource_uuid': ['v'],
             'created_since': ['2026-01-01t00:00:00+00:00']},
            self.cloud.last_request.qs)

    def test_summary_with_unknown_column_is_an_error(self):
        for arguments in (('-c', 'Total', '-c', 'nope'),
                          ('--sort-column', 'nope')):
            self.assertIn(
                'There is no column nope. The columns are Message Level, ',
                self.run_failing(summary.ShowSummary, *arguments))
        [row] = self.rows('-c', 'kept for (days)', '--sort-column', 'total')
        self.assertEqual({'Kept For (Days)': 30.0}, row)

    def test_summary_with_since_after_before_is_an_error(self):
        self.assertIn('--since is later than --before', self.run_failing(
            summary.ShowSummary, '--since', '1h', '--before', '2h'))
