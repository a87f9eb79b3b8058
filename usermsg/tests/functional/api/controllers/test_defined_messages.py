# SPDX-License-Identifier: Apache-2.0
"""The pages of what may be said."""

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
        """All entries, and how many each page had."""
        found, sizes = [], []
        while address:
            answer = http_client.request(self.app, address, headers=headers)
            self.assertEqual(200, answer.status_int, answer.text)
            found += answer.json['defined_messages']
            sizes.append(len(answer.json['defined_messages']))
            links = answer.json.get('defined_messages_links')
            address = links and '/v3/' + links[0]['href'].partition('/v3/')[2]
        return found, sizes

    def ids(self, query):
        found, _sizes = self.follow(f'/v3/defined-messages?{query}')
        return [entry['id'] for entry in found]

    def test_to_the_end_they_hold_everything_once(self):
        expected = list(self.service.catalogue.resolved_events)
        found, sizes = self.follow('/v3/defined-messages')
        self.assertEqual(expected, [entry['id'] for entry in found])
        self.assertEqual({1000}, set(sizes[:-1]))
        self.assertEqual(expected, self.ids('limit=997'))

    def test_a_last_page_that_is_full_has_no_link(self):
        everything = self.ids('prefix=SHARE')
        for limit in (len(everything), len(everything) // 2):
            found, sizes = self.follow(
                f'/v3/defined-messages?prefix=SHARE&limit={limit}')
            self.assertEqual(everything, [entry['id'] for entry in found])
            self.assertNotIn(0, sizes)

    def test_filters_divide_everything(self):
        everything = self.ids('')
        for name in ('user_fixable', 'retryable'):
            parts = [self.ids(f'{name}={value}') for value in ('true', '0')]
            self.assertNotIn([], parts)
            self.assertEqual(everything, sorted(sum(parts, [])))
        parts = [self.ids(f'prefix={prefix.lower()}')
                 for prefix in self.service.catalogue.namespaces]
        self.assertNotIn([], parts)
        self.assertEqual(everything, sorted(sum(parts, [])))

    def test_filters_go_together(self):
        found, _sizes = self.follow(
            '/v3/defined-messages?prefix=VOLUME&resource_type=volume&'
            'user_fixable=True&retryable=False&limit=7')
        self.assertNotEqual([], found)
        for entry in found:
            self.assertEqual(
                ('VOLUME', 'VOLUME', True, False),
                (entry['prefix'], entry['resource_type'],
                 entry['user_fixable'], entry['retryable']))

    def test_a_language_changes_words_only(self):
        for language in self.service.catalogue.languages:
            found, _sizes = self.follow(
                '/v3/defined-messages?prefix=IMAGE',
                {**READER, 'Accept-Language': language})
            self.assertEqual(self.ids('prefix=IMAGE'),
                             [entry['id'] for entry in found])
            for entry in found:
                words = self.service.catalogue.describe(entry['id'], language)
                self.assertEqual(
                    (words.user_message, words.remedy, words.link),
                    (entry['text'], entry['remedy'], entry['link']))

    def test_each_page_can_be_kept(self):
        kept = {}
        for address in ('/v3/defined-messages', '/v3/red/defined-messages',
                        '/v3/defined-messages?limit=5',
                        '/v3/defined-messages/VOLUME_000002',
                        '/v3/defined-messages/VOLUME_000003'):
            for language in ('en', 'de'):
                headers = {**READER, 'Accept-Language': language}
                answer = http_client.request(
                    self.app, address, headers=headers)
                kept[answer.headers['ETag']] = address
                again = http_client.request(self.app, address, headers={
                    **headers, 'If-None-Match': answer.headers['ETag']})
                self.assertEqual((304, b''), (again.status_int, again.body))
        # The two lists differ in their link only.
        self.assertEqual(10, len(kept))

    def test_the_database_is_not_asked(self):
        # There are no tables.
        self.assertNotEqual([], self.ids('prefix=VOLUME'))
