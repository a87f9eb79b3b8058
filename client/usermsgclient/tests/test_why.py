# SPDX-License-Identifier: Apache-2.0
import json

from usermsgclient.osc import why
from usermsgclient.tests import base


class TestWhy(base.CommandTestCase):

    def setUp(self):
        super().setUp()
        self.serve(base.message())
        self.define(base.definition())

    def serve(self, *messages):
        self.cloud.get(f'{base.SERVICE}/messages',
                       json={'messages': list(messages)})

    def define(self, definition):
        self.cloud.get(f'{base.SERVICE}/defined-messages/VOLUME_000002',
                       json={'defined_message': definition})

    def said(self, *arguments):
        return self.run_command(why.Why, base.VOLUME, *arguments)

    def test_cause_and_remedy_are_said_in_sentences(self):
        self.assertEqual(
            'No storage could be allocated. Ask for a smaller volume.\n'
            f'(ERROR, VOLUME {base.VOLUME}, 2026-11-21 22:04:03 UTC, request '
            'req-7e2fef96-6255-4c6b-af5f-39c34cf1ea70)\n', self.said())

    def test_what_is_not_known_is_not_said(self):
        self.serve(base.message(resource_type=None, request_id=None,
                                resource_uuid='a'))
        self.assertEqual('(ERROR, a, 2026-11-21 22:04:03 UTC)',
                         self.said().splitlines()[1])

    def test_without_a_remedy_it_says_who_can_help(self):
        for flags, hint in (
                ((True, True), ' Trying again later may help.'),
                ((False, True), ' Trying again later may help.'),
                ((False, False), ' Only your operator can remove the cause.'),
                ((True, False), '')):
            self.define(base.definition(
                remedy=None, user_fixable=flags[0], retryable=flags[1]))
            self.assertEqual(f'No storage could be allocated.{hint}',
                             self.said().splitlines()[0])

    def test_a_link_is_said(self):
        self.define(base.definition(link='https://cloud.example/storage'))
        self.assertEqual(
            'No storage could be allocated. Ask for a smaller volume. See '
            'https://cloud.example/storage', self.said().splitlines()[0])

    def test_a_cause_that_is_not_defined_any_more_is_still_one(self):
        for status in (403, 404):
            self.cloud.get(f'{base.SERVICE}/defined-messages/VOLUME_000002',
                           **base.refusal(status, 'not for you'))
            self.assertEqual('No storage could be allocated.',
                             self.said().splitlines()[0])

    def test_other_formats_have_the_fields(self):
        fields = json.loads(self.said('-f', 'json'))
        for name in ('user_message', 'message_level', 'event_id', 'id',
                     'resource_type', 'resource_uuid', 'created_at',
                     'request_id'):
            self.assertEqual(base.message()[name], fields.pop(name))
        for name in ('remedy', 'user_fixable', 'retryable', 'link'):
            self.assertEqual(base.definition()[name], fields.pop(name))
        self.assertEqual({}, fields)
        for name in ('shell', 'table', 'value', 'yaml'):
            self.assertIn('Ask for a smaller volume.',
                          self.said('-f', name))

    def test_a_sentence_can_be_of_some_fields(self):
        self.assertEqual('Ask for a smaller volume.\n',
                         self.said('-c', 'remedy'))

    def test_nothing_known_is_an_error(self):
        self.serve()
        self.assertIn(f'No message is known about {base.VOLUME}. Give the ID',
                      self.failure_of(why.Why, base.VOLUME))

    def test_an_empty_id_is_refused(self):
        self.assertIn('an ID must not be empty',
                      self.usage_error_of(why.Why, ''))

    def test_administrators_look_into_other_projects(self):
        self.said('--all-projects')
        asked = [request.qs for request in self.cloud.request_history
                 if request.path == '/v3/messages']
        self.assertEqual([['true']], [query['all_projects']
                                      for query in asked])

    def test_texts_come_in_the_language_that_is_chosen(self):
        self.said('--language', 'de')
        self.assertEqual({'de'}, {
            request.headers.get('Accept-Language')
            for request in self.cloud.request_history
            if request.path.startswith(('/v3/messages', '/v3/defined'))})
