# SPDX-License-Identifier: Apache-2.0
import datetime
import json

from openstack import exceptions
import requests_mock

from usermsgclient.tests import base


class TestProxy(base.TestCase):

    def setUp(self):
        super().setUp()
        self.proxy = self.connection().user_message

    def page(self, numbers, more=False):
        """A page of messages, as the service answers."""
        body = {'messages': [base.message(number) for number in numbers]}
        if more:
            # As the service is called from elsewhere.
            body['messages_links'] = [{
                'rel': 'next', 'href': 'http://elsewhere.example/v3/messages'
                f'?limit=2&marker={body["messages"][-1]["id"]}'}]
        return {'json': body}

    def test_every_page_is_read_and_none_beyond(self):
        self.cloud.get(f'{base.SERVICE}/messages', [
            self.page([5, 4], more=True), self.page([3, 2], more=True),
            self.page([1])])
        found = list(self.proxy.messages(limit=2, resource_type='VOLUME'))
        self.assertEqual([base.message(number)['id']
                          for number in (5, 4, 3, 2, 1)],
                         [message.id for message in found])
        query = 'resource_type=VOLUME'
        self.assertEqual(
            [('GET', f'/messages?limit=2&{query}')] +
            [('GET', f'/messages?{query}&limit=2&marker='
                     f'{base.message(number)["id"]}') for number in (4, 2)],
            self.asked())

    def test_pages_are_fetched_when_they_are_needed(self):
        self.cloud.get(f'{base.SERVICE}/messages', [
            self.page([5, 4], more=True), self.page([3])])
        found = self.proxy.messages()
        self.assertEqual([], self.asked())
        next(found)
        next(found)
        self.assertEqual(1, len(self.asked()))
        next(found)
        self.assertEqual(2, len(self.asked()))

    def test_no_more_are_fetched_than_are_wanted(self):
        self.cloud.get(f'{base.SERVICE}/messages', [
            self.page([5, 4], more=True), self.page([3, 2], more=True)])
        found = list(self.proxy.messages(max_items=3))
        self.assertEqual(3, len(found))
        self.assertEqual(2, len(self.asked()))
        self.assertEqual(('GET', '/messages?limit=3'), self.asked()[0])

    def test_a_page_is_never_larger_than_what_is_wanted(self):
        self.cloud.get(f'{base.SERVICE}/messages', **self.page([]))
        for limit, max_items, asked in ((7, 3, 3), (3, 7, 3), (3, None, 3)):
            list(self.proxy.messages(limit=limit, max_items=max_items))
            self.assertEqual(('GET', f'/messages?limit={asked}'),
                             self.asked()[-1])

    def test_every_filter_is_asked_of_the_service(self):
        self.cloud.get(f'{base.SERVICE}/messages', **self.page([]))
        wanted = {
            'resource_type': 'VOLUME', 'resource_uuid': 'some',
            'event_id': 'VOLUME_000002', 'request_id': 'req-1',
            'message_level': 'ERROR', 'created_since': '2026-01-01',
            'created_before': '2026-01-02', 'sort': 'created_at:asc',
            'all_projects': True, 'project_id': 'p', 'marker': 'm',
            'limit': 5}
        list(self.proxy.messages(**wanted))
        self.assertEqual(
            {name: [str(value).lower()] for name, value in wanted.items()},
            self.cloud.last_request.qs)

    def test_a_filter_that_does_not_exist_is_an_error(self):
        self.assertRaises(TypeError, self.proxy.messages, level='ERROR')

    def test_times_can_be_datetimes(self):
        self.cloud.get(f'{base.SERVICE}/messages', **self.page([]))
        zone = datetime.timezone(datetime.timedelta(hours=2))
        list(self.proxy.messages(
            created_since=datetime.datetime(2026, 1, 31, 12, tzinfo=zone),
            created_before=datetime.datetime(2026, 2, 1)))
        self.assertEqual(
            {'created_since': ['2026-01-31t12:00:00+02:00'],
             'created_before': ['2026-02-01t00:00:00']},
            self.cloud.last_request.qs)

    def test_a_message_is_shown_with_all_it_has(self):
        shown = base.message()
        self.cloud.get(f'{base.SERVICE}/messages/{shown["id"]}',
                       json={'message': shown})
        found = self.proxy.get_message(shown['id'])
        del shown['links']
        self.assertEqual(shown, {name: found[name] for name in shown})
        self.assertEqual(found, self.proxy.get_message(found))

    def test_the_newest_microversion_known_to_both_is_asked_for(self):
        shown = base.message()
        self.cloud.get(f'{base.SERVICE}/messages/{shown["id"]}',
                       json={'message': shown})
        self.proxy.get_message(shown['id'])
        self.assertEqual(
            'user-message 3.0',
            self.cloud.last_request.headers['OpenStack-API-Version'])

    def test_an_id_stays_one_part_of_the_address(self):
        self.cloud.register_uri('GET', requests_mock.ANY, **base.refusal(
            404, 'not here'))
        for call in (self.proxy.get_message, self.proxy.get_defined_message):
            self.assertRaises(exceptions.NotFoundException, call,
                              '../a?b=c#d%')
            self.assertTrue(self.cloud.last_request.url.endswith(
                '/..%2Fa%3Fb%3Dc%23d%25'), self.cloud.last_request.url)

    def test_an_empty_id_asks_for_nothing(self):
        for call in (self.proxy.get_message, self.proxy.delete_message,
                     self.proxy.get_defined_message):
            for none in ('', '.', '..'):
                self.assertRaises(exceptions.InvalidRequest, call, none)
        self.assertEqual([], self.asked())

    def test_the_words_of_a_refusal_are_kept(self):
        self.cloud.get(f'{base.SERVICE}/messages',
                       **base.refusal(400, 'marker: must be a UUID.'))
        error = self.assertRaises(
            exceptions.BadRequestException, list,
            self.proxy.messages(marker='x'))
        self.assertEqual('marker: must be a UUID.', error.details)
        self.assertEqual(base.REQUEST_ID, error.request_id)

    def test_what_is_recorded_is_sent_as_it_is(self):
        self.cloud.post(f'{base.SERVICE}/messages', status_code=201,
                        json={'message': base.message()})
        attributes = {
            'project_id': 'p', 'user_id': 'u', 'action': 'ATTACH_VOLUME',
            'detail': 'QUOTA', 'resource_type': 'VOLUME',
            'resource_uuid': base.VOLUME, 'message_level': 'WARN',
            'request_id': 'req-1', 'source_id': 'key'}
        made = self.proxy.create_message(**attributes)
        self.assertEqual({'message': attributes},
                         self.cloud.last_request.json())
        self.assertEqual(base.message()['id'], made.id)

    def test_a_batch_is_sent_at_once(self):
        self.cloud.post(f'{base.SERVICE}/messages', status_code=201, json={
            'messages': [base.message(1, status=200),
                         base.message(2, status=201)]})
        batch = [{'project_id': 'p', 'event_id': f'VOLUME_00000{number}'}
                 for number in (1, 2)]
        made = self.proxy.create_messages(batch)
        self.assertEqual({'messages': batch},
                         json.loads(self.cloud.last_request.body))
        self.assertEqual([(base.message(1)['id'], 200),
                          (base.message(2)['id'], 201)],
                         [(message.id, message.status) for message in made])

    def test_each_message_of_a_batch_has_its_own_error(self):
        error = base.refusal(410, 'deleted')['json']['errors'][0]
        self.cloud.post(f'{base.SERVICE}/messages', status_code=201, json={
            'messages': [{'status': 410, 'error': error},
                         base.message(2, status=201)]})
        results = self.proxy.create_messages([{}, {}])
        self.assertEqual([410, 201], [result.status for result in results])
        self.assertEqual([error, None], [result.error for result in results])

    def test_a_batch_of_errors_alone_raises(self):
        refusal = base.refusal(409, 'another message')
        refusal['json']['messages'] = [
            {'status': 409, 'error': refusal['json']['errors'][0]}]
        self.cloud.post(f'{base.SERVICE}/messages', **refusal)
        error = self.assertRaises(exceptions.ConflictException,
                                  self.proxy.create_messages, [{}])
        self.assertIn('another message', str(error))

    def test_what_is_gone_already_may_be_deleted(self):
        ident = base.message()['id']
        self.cloud.delete(f'{base.SERVICE}/messages/{ident}',
                          [{'status_code': 204},
                           base.refusal(404, 'not here'),
                           base.refusal(404, 'not here')])
        self.proxy.delete_message(ident)
        self.proxy.delete_message(ident)
        self.assertRaises(exceptions.NotFoundException,
                          self.proxy.delete_message, ident,
                          ignore_missing=False)

    def test_the_newest_error_is_the_cause(self):
        self.cloud.get(f'{base.SERVICE}/messages', **self.page([1]))
        found = self.proxy.find_cause(base.VOLUME, project_id='p')
        self.assertEqual(base.message()['id'], found.id)
        self.assertEqual([{
            'resource_uuid': [base.VOLUME], 'message_level': ['error'],
            'limit': ['1'], 'project_id': ['p']}],
            [request.qs for request in self.cloud.request_history
             if request.path == '/v3/messages'])

    def test_without_an_error_the_newest_message_is_the_cause(self):
        self.cloud.get(f'{base.SERVICE}/messages',
                       [self.page([]), self.page([1])])
        self.assertEqual(base.message()['id'],
                         self.proxy.find_cause(base.VOLUME).id)
        self.assertNotIn('message_level', self.cloud.last_request.qs)

    def test_without_a_message_there_is_no_cause(self):
        self.cloud.get(f'{base.SERVICE}/messages', **self.page([]))
        self.assertIsNone(self.proxy.find_cause(base.VOLUME))

    def test_defined_messages_are_listed_as_asked(self):
        self.cloud.get(f'{base.SERVICE}/defined-messages', json={
            'defined_messages': [base.definition()]})
        [found] = self.proxy.defined_messages(
            prefix='VOLUME', resource_type='VOLUME', user_fixable=False,
            retryable=True, marker='a', limit=3, max_items=2)
        self.assertEqual('Ask for a smaller volume.', found.remedy)
        self.assertEqual(
            {'prefix': ['volume'], 'resource_type': ['volume'],
             'user_fixable': ['false'], 'retryable': ['true'],
             'marker': ['a'], 'limit': ['2']}, self.cloud.last_request.qs)

    def test_a_defined_message_that_is_missing_may_be(self):
        self.cloud.get(f'{base.SERVICE}/defined-messages/NOPE',
                       **base.refusal(404, 'not here'))
        self.assertIsNone(self.proxy.find_defined_message('NOPE'))
        self.assertRaises(exceptions.NotFoundException,
                          self.proxy.find_defined_message, 'NOPE',
                          ignore_missing=False)

    def test_texts_come_in_the_language_that_is_chosen(self):
        self.cloud.get(f'{base.SERVICE}/defined-messages/VOLUME_000002',
                       json={'defined_message': base.definition()})
        for language in (None, 'de', None):
            self.proxy.language = language
            self.assertEqual(language, self.proxy.language)
            self.proxy.get_defined_message('VOLUME_000002')
            self.assertEqual(
                language,
                self.cloud.last_request.headers.get('Accept-Language'))
