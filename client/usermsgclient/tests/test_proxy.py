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
        """Build the response with a page of messages."""
        body = {'messages': [base.message(number) for number in numbers]}
        if more:
            # The link has the name of the service for other clients.
            body['messages_links'] = [{
                'rel': 'next', 'href': 'http://other.example/v3/messages'
                f'?limit=2&marker={body["messages"][-1]["id"]}'}]
        return {'json': body}

    def test_messages_reads_every_page_and_none_beyond(self):
        self.cloud.get(f'{base.SERVICE}/messages', [
            self.page([5, 4], more=True), self.page([3, 2], more=True),
            self.page([1])])
        messages = list(self.proxy.messages(limit=2, resource_type='VOLUME'))
        self.assertEqual([base.message(number)['id']
                          for number in (5, 4, 3, 2, 1)],
                         [message.id for message in messages])
        query = 'resource_type=VOLUME'
        self.assertEqual(
            [('GET', f'/messages?limit=2&{query}')] +
            [('GET', f'/messages?{query}&limit=2&marker='
                     f'{base.message(number)["id"]}') for number in (4, 2)],
            self.sent_requests())

    def test_messages_fetches_pages_lazily(self):
        self.cloud.get(f'{base.SERVICE}/messages', [
            self.page([5, 4], more=True), self.page([3])])
        messages = self.proxy.messages()
        self.assertEqual([], self.sent_requests())
        next(messages)
        next(messages)
        self.assertEqual(1, len(self.sent_requests()))
        next(messages)
        self.assertEqual(2, len(self.sent_requests()))

    def test_messages_with_max_items_fetches_no_further_page(self):
        self.cloud.get(f'{base.SERVICE}/messages', [
            self.page([5, 4], more=True), self.page([3, 2], more=True)])
        messages = list(self.proxy.messages(max_items=3))
        self.assertEqual(3, len(messages))
        self.assertEqual(2, len(self.sent_requests()))
        self.assertEqual(('GET', '/messages?limit=3'), self.sent_requests()[0])

    def test_messages_limits_pages_to_max_items(self):
        self.cloud.get(f'{base.SERVICE}/messages', **self.page([]))
        for limit, max_items, sent in ((7, 3, 3), (3, 7, 3), (3, None, 3)):
            list(self.proxy.messages(limit=limit, max_items=max_items))
            self.assertEqual(('GET', f'/messages?limit={sent}'),
                             self.sent_requests()[-1])

    def test_messages_sends_every_filter_to_the_service(self):
        self.cloud.get(f'{base.SERVICE}/messages', **self.page([]))
        filters = {
            'resource_type': 'VOLUME', 'resource_uuid': 'some',
            'event_id': 'VOLUME_000002', 'request_id': 'req-1',
            'message_level': 'ERROR', 'created_since': '2026-01-01',
            'created_before': '2026-01-02', 'sort': 'created_at:asc',
            'all_projects': True, 'project_id': 'p', 'marker': 'm',
            'limit': 5}
        list(self.proxy.messages(**filters))
        self.assertEqual(
            {name: [str(value).lower()] for name, value in filters.items()},
            self.cloud.last_request.qs)

    def test_messages_with_unknown_filter_raises_type_error(self):
        self.assertRaises(TypeError, self.proxy.messages, level='ERROR')

    def test_messages_accepts_datetimes(self):
        self.cloud.get(f'{base.SERVICE}/messages', **self.page([]))
        zone = datetime.timezone(datetime.timedelta(hours=2))
        list(self.proxy.messages(
            created_since=datetime.datetime(2026, 1, 31, 12, tzinfo=zone),
            created_before=datetime.datetime(2026, 2, 1)))
        self.assertEqual(
            {'created_since': ['2026-01-31t12:00:00+02:00'],
             'created_before': ['2026-02-01t00:00:00']},
            self.cloud.last_request.qs)

    def test_latest_messages_requests_a_hundred_resources_at_a_time(self):
        idents = [f'resource-{number}' for number in range(150)]
        self.cloud.get(f'{base.SERVICE}/messages', [
            {'json': {'messages': [base.message(
                number, resource_uuid=idents[number])]}}
            for number in (7, 120)])
        latest = self.proxy.latest_messages([*idents, idents[0]])
        self.assertEqual([idents[7], idents[120]], list(latest))
        self.assertEqual(base.message(7)['id'], latest[idents[7]].id)
        self.assertEqual(
            [{'latest_by': ['resource'],
              'resource_uuid': ['in:' + ','.join(part)]}
             for part in (idents[:100], idents[100:])],
            [request.qs for request in self.cloud.request_history
             if request.path == '/v3/messages'])

    def test_latest_messages_have_the_ids_that_were_given(self):
        ident = base.VOLUME
        forms = [ident.upper(), ident.replace('-', ''), ident]
        other = 'F292CC0C'
        self.cloud.get(f'{base.SERVICE}/messages', json={'messages': [
            base.message(2, resource_uuid=ident),
            base.message(1, resource_uuid=other)]})
        latest = self.proxy.latest_messages([*forms, other, other.lower()])
        self.assertEqual(
            {**dict.fromkeys(forms, base.message(2)['id']),
             other: base.message(1)['id']},
            {name: message.id for name, message in latest.items()})
        self.assertEqual(ident, latest[ident.upper()].resource_uuid)

    def test_message_summary_returns_levels(self):
        levels = {'ERROR': {'total': 1, 'more': False, 'ttl': 60}}
        self.cloud.get(f'{base.SERVICE}/messages/summary', json={
            'summary': {'newest_id': 'an id', 'follow_id': 'another',
                        'levels': levels}})
        summary = self.proxy.message_summary(
            message_level='ERROR', created_since=datetime.date(2026, 1, 31))
        self.assertEqual(
            ('an id', 'another', levels),
            (summary.newest_id, summary.follow_id, summary.levels))
        self.assertEqual({'message_level': ['error'],
                          'created_since': ['2026-01-31']},
                         self.cloud.last_request.qs)

    def test_read_mark_is_read_and_moved(self):
        url = f'{base.SERVICE}/messages/read-mark'
        self.cloud.get(url, json={'message': None})
        self.assertIsNone(self.proxy.get_read_mark().message)
        newest = base.message(2)
        self.cloud.get(f'{base.SERVICE}/messages/{newest["id"]}',
                       json={'message': newest})
        self.cloud.put(url, json={'message': base.message(1)['id']})
        for message in (newest['id'], self.proxy.get_message(newest['id'])):
            self.assertEqual(base.message(1)['id'],
                             self.proxy.mark_read(message).message)
            self.assertEqual({'message': newest['id']},
                             self.cloud.last_request.json())

    def test_get_message_returns_all_fields(self):
        message = base.message()
        self.cloud.get(f'{base.SERVICE}/messages/{message["id"]}',
                       json={'message': message})
        received = self.proxy.get_message(message['id'])
        del message['links']
        self.assertEqual(message, {name: received[name]
                                   for name in message})
        self.assertEqual(received, self.proxy.get_message(received))

    def test_requests_use_the_newest_common_microversion(self):
        message = base.message()
        self.cloud.get(f'{base.SERVICE}/messages/{message["id"]}',
                       json={'message': message})
        self.proxy.get_message(message['id'])
        self.assertEqual(
            'user-message 3.0',
            self.cloud.last_request.headers['OpenStack-API-Version'])

    def test_id_with_reserved_characters_stays_one_path_segment(self):
        self.cloud.register_uri(
            'GET', requests_mock.ANY,
            **base.error_response(404, 'could not be found'))
        for call in (self.proxy.get_message, self.proxy.get_defined_message):
            self.assertRaises(exceptions.NotFoundException, call,
                              '../a?b=c#d%')
            self.assertTrue(self.cloud.last_request.url.endswith(
                '/..%2Fa%3Fb%3Dc%23d%25'), self.cloud.last_request.url)

    def test_empty_id_or_dot_segment_sends_no_request(self):
        for call in (self.proxy.get_message, self.proxy.delete_message,
                     self.proxy.get_defined_message):
            for invalid in ('', '.', '..'):
                self.assertRaises(exceptions.InvalidRequest, call, invalid)
        self.assertEqual([], self.sent_requests())

    def test_exception_has_details_and_request_id_of_the_error(self):
        self.cloud.get(f'{base.SERVICE}/messages',
                       **base.error_response(400, 'marker: must be a UUID.'))
        error = self.assertRaises(
            exceptions.BadRequestException, list,
            self.proxy.messages(marker='x'))
        self.assertEqual('marker: must be a UUID.', error.details)
        self.assertEqual(base.REQUEST_ID, error.request_id)

    def test_create_message_sends_attributes_unchanged(self):
        self.cloud.post(f'{base.SERVICE}/messages', status_code=201,
                        json={'message': base.message()})
        attributes = {
            'project_id': 'p', 'user_id': 'u', 'action': 'ATTACH_VOLUME',
            'detail': 'QUOTA', 'resource_type': 'VOLUME',
            'resource_uuid': base.VOLUME, 'message_level': 'WARN',
            'request_id': 'req-1', 'source_id': 'key'}
        recorded = self.proxy.create_message(**attributes)
        self.assertEqual({'message': attributes},
                         self.cloud.last_request.json())
        self.assertEqual(base.message()['id'], recorded.id)

    def test_create_messages_sends_one_request(self):
        self.cloud.post(f'{base.SERVICE}/messages', status_code=201, json={
            'messages': [base.message(1, status=200),
                         base.message(2, status=201)]})
        batch = [{'project_id': 'p', 'event_id': f'VOLUME_00000{number}'}
                 for number in (1, 2)]
        recorded = self.proxy.create_messages(batch)
        self.assertEqual({'messages': batch},
                         json.loads(self.cloud.last_request.body))
        self.assertEqual([(base.message(1)['id'], 200),
                          (base.message(2)['id'], 201)],
                         [(message.id, message.status)
                          for message in recorded])

    def test_create_messages_returns_an_error_per_message(self):
        error = base.error_response(410, 'deleted')['json']['errors'][0]
        self.cloud.post(f'{base.SERVICE}/messages', status_code=201, json={
            'messages': [{'status': 410, 'error': error},
                         base.message(2, status=201)]})
        results = self.proxy.create_messages([{}, {}])
        self.assertEqual([410, 201], [result.status for result in results])
        self.assertEqual([error, None], [result.error for result in results])

    def test_create_messages_with_errors_alone_raises(self):
        response = base.error_response(409, 'another message')
        response['json']['messages'] = [
            {'status': 409, 'error': response['json']['errors'][0]}]
        self.cloud.post(f'{base.SERVICE}/messages', **response)
        error = self.assertRaises(exceptions.ConflictException,
                                  self.proxy.create_messages, [{}])
        self.assertIn('another message', str(error))

    def test_delete_of_missing_message_raises_only_on_request(self):
        ident = base.message()['id']
        self.cloud.delete(f'{base.SERVICE}/messages/{ident}',
                          [{'status_code': 204},
                           base.error_response(404, 'could not be found'),
                           base.error_response(404, 'could not be found')])
        self.proxy.delete_message(ident)
        self.proxy.delete_message(ident)
        self.assertRaises(exceptions.NotFoundException,
                          self.proxy.delete_message, ident,
                          ignore_missing=False)

    def test_find_cause_returns_the_newest_error(self):
        self.cloud.get(f'{base.SERVICE}/messages', **self.page([1]))
        cause = self.proxy.find_cause(base.VOLUME, project_id='p')
        self.assertEqual(base.message()['id'], cause.id)
        self.assertEqual([{
            'resource_uuid': [base.VOLUME], 'message_level': ['error'],
            'limit': ['1'], 'project_id': ['p']}],
            [request.qs for request in self.cloud.request_history
             if request.path == '/v3/messages'])

    def test_find_cause_without_error_returns_the_newest_message(self):
        self.cloud.get(f'{base.SERVICE}/messages',
                       [self.page([]), self.page([1])])
        self.assertEqual(base.message()['id'],
                         self.proxy.find_cause(base.VOLUME).id)
        self.assertNotIn('message_level', self.cloud.last_request.qs)

    def test_find_cause_without_message_returns_none(self):
        self.cloud.get(f'{base.SERVICE}/messages', **self.page([]))
        self.assertIsNone(self.proxy.find_cause(base.VOLUME))

    def test_defined_messages_sends_every_filter_to_the_service(self):
        self.cloud.get(f'{base.SERVICE}/defined-messages', json={
            'defined_messages': [base.definition()]})
        [definition] = self.proxy.defined_messages(
            prefix='VOLUME', resource_type='VOLUME', user_fixable=False,
            retryable=True, marker='a', limit=3, max_items=2)
        self.assertEqual('Ask for a smaller volume.', definition.remedy)
        self.assertEqual(
            {'prefix': ['volume'], 'resource_type': ['volume'],
             'user_fixable': ['false'], 'retryable': ['true'],
             'marker': ['a'], 'limit': ['2']}, self.cloud.last_request.qs)

    def test_find_defined_message_may_ignore_a_missing_one(self):
        self.cloud.get(f'{base.SERVICE}/defined-messages/NOPE',
                       **base.error_response(404, 'could not be found'))
        self.assertIsNone(self.proxy.find_defined_message('NOPE'))
        self.assertRaises(exceptions.NotFoundException,
                          self.proxy.find_defined_message, 'NOPE',
                          ignore_missing=False)

    def test_language_is_sent_as_accept_language(self):
        self.cloud.get(f'{base.SERVICE}/defined-messages/VOLUME_000002',
                       json={'defined_message': base.definition()})
        for language in (None, 'de', None):
            self.proxy.language = language
            self.assertEqual(language, self.proxy.language)
            self.proxy.get_defined_message('VOLUME_000002')
            self.assertEqual(
                language,
                self.cloud.last_request.headers.get('Accept-Language'))
