# SPDX-License-Identifier: Apache-2.0
"""Tests of the lists of the catalogue."""

from usermsg.api import app
from usermsg.tests import base
from usermsg.tests.fixtures import http_client

READER = http_client.build_headers('red', 'reader')


class TestPages(base.TestCase):

    def setUp(self):
        super().setUp()
        self.service = self.runtime(tables=False)
        self.app = app.make_app(self.service)

    def follow(self, address, headers=READER):
        """Follow the next links; return all entries and the page sizes."""
        entries, sizes = [], []
        while address:
            response = http_client.request(self.app, address, headers=headers)
            self.assertEqual(200, response.status_int, response.text)
            entries += response.json['defined_messages']
            sizes.append(len(response.json['defined_messages']))
            links = response.json.get('defined_messages_links')
            address = links and '/v3/' + links[0]['href'].partition('/v3/')[2]
        return entries, sizes

    def ids(self, query):
        entries, _sizes = self.follow(f'/v3/defined-messages?{query}')
        return [entry['id'] for entry in entries]

    def test_pages_contain_every_event_once(self):
        expected = list(self.service.catalogue.resolved_events)
        entries, sizes = self.follow('/v3/defined-messages')
        self.assertEqual(expected, [entry['id'] for entry in entries])
        self.assertEqual({1000}, set(sizes[:-1]))
        self.assertEqual(expected, self.ids('limit=997'))

    def test_full_last_page_has_no_next_link(self):
        all_ids = self.ids('prefix=SHARE')
        for limit in (len(all_ids), len(all_ids) // 2):
            entries, sizes = self.follow(
                f'/v3/defined-messages?prefix=SHARE&limit={limit}')
            self.assertEqual(all_ids, [entry['id'] for entry in entries])
            self.assertNotIn(0, sizes)

    def test_filters_partition_all_ids(self):
        all_ids = self.ids('')
        for name in ('user_fixable', 'retryable'):
            parts = [self.ids(f'{name}={value}') for value in ('true', '0')]
            self.assertNotIn([], parts)
            self.assertEqual(all_ids, sorted(sum(parts, [])))
        parts = [self.ids(f'prefix={prefix.lower()}')
                 for prefix in self.service.catalogue.namespaces]
        self.assertNotIn([], parts)
        self.assertEqual(all_ids, sorted(sum(parts, [])))

    def test_filters_are_combined(self):
        entries, _sizes = self.follow(
            '/v3/defined-messages?prefix=VOLUME&resource_type=volume&'
            'user_fixable=True&retryable=False&limit=7')
        self.assertNotEqual([], entries)
        for entry in entries:
            self.assertEqual(
                ('VOLUME', 'VOLUME', True, False),
                (entry['prefix'], entry['resource_type'],
                 entry['user_fixable'], entry['retryable']))

    def test_language_changes_texts_only(self):
        for language in self.service.catalogue.languages:
            entries, _sizes = self.follow(
                '/v3/defined-messages?prefix=IMAGE',
                {**READER, 'Accept-Language': language})
            self.assertEqual(self.ids('prefix=IMAGE'),
                             [entry['id'] for entry in entries])
            for entry in entries:
                description = self.service.catalogue.describe(
                    entry['id'], language)
                self.assertEqual(
                    (description.user_message, description.remedy,
                     description.link),
                    (entry['text'], entry['remedy'], entry['link']))

    def test_etag_of_every_page_is_valid(self):
        cached = {}
        for address in ('/v3/defined-messages', '/v3/red/defined-messages',
                        '/v3/defined-messages?limit=5',
                        '/v3/defined-messages/VOLUME_000002',
                        '/v3/defined-messages/VOLUME_000003'):
            for language in ('en', 'de'):
                headers = {**READER, 'Accept-Language': language}
                response = http_client.request(
                    self.app, address, headers=headers)
                cached[response.headers['ETag']] = address
                again = http_client.request(self.app, address, headers={
                    **headers, 'If-None-Match': response.headers['ETag']})
                self.assertEqual((304, b''), (again.status_int, again.body))
        # The first two lists differ in their links only.
        self.assertEqual(10, len(cached))

    def test_list_does_not_use_the_database(self):
        # The database has no tables.
        self.assertNotEqual([], self.ids('prefix=VOLUME'))
