# SPDX-License-Identifier: Apache-2.0
"""Project > Permitted Messages."""

import dataclasses
from unittest import mock

from django.urls import reverse

from usermsg_dashboard import client
from usermsg_dashboard.tests.unit import base

INDEX = reverse('horizon:project:usermsg_permitted:index')


def make_definition(number, **values):
    return {'id': f'VOLUME_{number:06}', 'prefix': 'VOLUME',
            'resource_type': None, 'text': f'Text {number}.',
            'remedy': 'Request a smaller volume.', 'user_fixable': True,
            'retryable': True, 'link': None, **values}


class PermittedMessagesTest(base.TestCase):

    def get(self, *entries, **query):
        self.service.get(f'{base.API}/defined-messages',
                         json={'defined_messages': entries})
        return self.client.get(INDEX, query)

    def test_page_has_service_text_remedy_advice_and_id(self):
        response = self.get(make_definition(
            1, link='https://docs.example.org/'))
        text = self.read_text(response)
        for part in ('1 permitted message', 'Block storage', 'Text 1.',
                     'Request a smaller volume.', 'VOLUME_000001',
                     'You can fix this, or try again later.'):
            self.assertIn(part, text)
        self.assertContains(response, 'href="https://docs.example.org/"')

    def test_service_of_an_operator_is_shown(self):
        text = self.read_text(self.get(
            make_definition(1, prefix='ROBOTS'), prefix='ROBOTS'))
        self.assertIn('Text 1.', text)

    def test_search_finds_all_words_in_any_case(self):
        entries = [make_definition(1, text='No STORAGE left.'),
                   make_definition(2, text='Storage is slow.')]
        text = self.read_text(self.get(*entries, words='storage LEFT'))
        self.assertIn('No STORAGE left.', text)
        self.assertNotIn('Storage is slow.', text)

    def test_search_by_id_and_remedy(self):
        for words in ('volume_000002', 'other remedy'):
            text = self.read_text(self.get(
                make_definition(1), make_definition(2, remedy='Other remedy'),
                words=words))
            self.assertIn('Text 2.', text)
            self.assertNotIn('Text 1.', text)

    def test_search_matches_the_beginnings_of_words(self):
        entries = [make_definition(
            1, id='ACME_ROBOT_001_002',
            text='Another (snap)shot. Überlast. ボリュームの作成')]
        for words, matches in (
                ('another', True), ('ano', True), ('no', False),
                ('snap', True), ('shot', True), ('hot', False),
                ('(snap)shot', True), ('über', True), ('last', False),
                ('robot', True), ('bot', False), ('acme_robot_001', True),
                ('002', True), ('02', False), ('me_robot', False),
                ('ボリューム', True), ('作成', True)):
            self.assertEqual(matches, 'Another' in self.read_text(
                self.get(*entries, words=words)), words)

    def test_search_by_advice(self):
        entries = [make_definition(1, retryable=False),
                   make_definition(2, user_fixable=False),
                   make_definition(3, user_fixable=False, retryable=False)]
        for advice, number in (('fix', 1), ('retry', 2), ('operator', 3)):
            text = self.read_text(self.get(*entries, advice=advice))
            self.assertEqual(
                [number], [other for other in (1, 2, 3)
                           if f'Text {other}.' in text])

    def test_search_without_result(self):
        self.assertIn('No permitted messages match this search.',
                      self.read_text(
                          self.get(make_definition(1), words='missing')))

    def test_invalid_search_is_explained(self):
        for query, expected in (
                ({'prefix': 'X'}, 'no messages of this service'),
                ({'advice': 'X'}, 'There is no such advice.'),
                ({'page': 'x'}, 'There is no such page.'),
                ({'page': '0'}, 'There is no such page.'),
                ({'words': 'x' * 256}, 'at most 255 characters'),
                ({'colour': 'red'}, 'There is no filter "colour".'),
                ({'words': ['x', 'y']}, 'several values of "words"')):
            self.assertIn(expected, self.read_text(
                self.get(make_definition(1), **query)), query)

    def test_pages_keep_the_search(self):
        entries = [make_definition(number) for number in range(45)]
        response = self.get(*entries, words='text', page='2')
        text = self.read_text(response)
        self.assertIn('45 permitted messages', text)
        self.assertIn('Page 2 of 3', text)
        self.assertIn('Text 20.', text)
        self.assertNotIn('Text 19.', text)
        self.assertEqual(
            (f'{INDEX}?words=text&page=1', f'{INDEX}?words=text&page=3'),
            (response.context['previous_url'], response.context['next_url']))

    def test_page_behind_the_last_one_is_the_last_one(self):
        self.assertIn('Text 1.', self.read_text(
            self.get(make_definition(1), page='99')))

    def test_catalogue_is_cached_for_each_language(self):
        for language in ('en', 'de', 'en', 'de'):
            self.client.cookies['django_language'] = language
            self.get(make_definition(1))
        self.assertEqual(['en', 'de'], [
            request.headers['Accept-Language'] for request in self.sent()])

    def test_cached_catalogue_of_another_version_is_not_read(self):
        self.get(make_definition(1))
        other = dataclasses.make_dataclass(
            'Definition', [('note', str)], bases=(client.Definition,),
            frozen=True, namespace={'parse': classmethod(
                lambda cls, view: cls(**view, note=''))})
        with mock.patch.object(client, 'Definition', other):
            self.assertIn('Text 2.', self.read_text(
                self.get(make_definition(2))))

    def test_text_is_escaped(self):
        text = '<script>alert("1")</script>'
        response = self.get(make_definition(1, text=text, remedy=text))
        self.assertEqual(2, self.read_text(response).count(text))
        self.assertNotContains(response, '<script>alert')

    def test_unavailable_service_is_explained(self):
        self.service.get(f'{base.API}/defined-messages', status_code=503)
        text = self.read_text(self.client.get(INDEX))
        self.assertIn('temporarily unavailable', text)
        self.assertNotIn('No permitted messages match', text)
