# SPDX-License-Identifier: Apache-2.0
"""Project > Messages: list, filters and pages."""

import datetime
import urllib.parse

from django.conf import settings
from django.urls import reverse
import requests

from usermsg_dashboard.tests.unit import base

INDEX = reverse('horizon:project:usermsg:index')


class MessageListTest(base.TestCase):

    def get(self, **query):
        return self.client.get(INDEX, query)

    def test_first_page_takes_one_request(self):
        self.fake_list(*[base.make_message(number) for number in range(20)])

        text = self.read_text(self.get())

        self.assertIn('No storage could be allocated (7).', text)
        [request] = self.service.request_history
        self.assertEqual({'limit': ['20']}, request.qs)

    def test_form_of_the_largest_page_is_accepted(self):
        self.client.cookies['API_RESULT_PAGE_SIZE'] = '1000'
        self.fake_list()
        self.get()
        limit = int(self.sent()[0].qs['limit'][0])
        self.assertLess(limit + 10, settings.DATA_UPLOAD_MAX_NUMBER_FIELDS)

    def test_row_has_level_text_remedy_resource_and_time(self):
        time = (datetime.datetime.now(datetime.timezone.utc) -
                datetime.timedelta(hours=2, minutes=1))
        self.fake_list(base.make_message(created_at=time.isoformat()))

        response = self.get()

        text = self.read_text(response)
        for part in ('Error', 'No storage could be allocated (1).',
                     'Request a smaller volume.',
                     f'Volume {base.VOLUME_ID}', '2\xa0hours ago'):
            self.assertIn(part.replace('\xa0', ' '), text)
        self.assertContains(
            response, f'title="{time:%Y-%m-%d %H:%M:%S} UTC"')

    def test_time_is_in_the_time_zone_of_the_user(self):
        self.client.cookies['django_timezone'] = 'Asia/Tokyo'
        self.fake_list(base.make_message(0))
        self.assertContains(self.get(), 'title="2026-11-22 07:00:00 JST"')

    def test_message_without_resource_and_remedy(self):
        self.fake_list(base.make_message(
            resource_type=None, resource_uuid=None, request_id=None,
            remedy=None))
        text = self.read_text(self.get())
        self.assertIn('No storage could be allocated (1).', text)
        self.assertNotIn('None', text)

    def test_resource_type_of_an_operator_is_shown(self):
        self.fake_list(base.make_message(resource_type='ROBOT'))
        self.assertIn(f'ROBOT {base.VOLUME_ID}', self.read_text(self.get()))

    def test_resource_is_linked_if_horizon_has_its_page(self):
        link = reverse('horizon:project:usermsg:resource',
                       args=[base.make_id(1)])
        for resource_type, linked in (('VOLUME', True), ('INSTANCE', True),
                                      ('IMAGE', True), ('NODE', False),
                                      ('SHARE', False)):
            self.fake_list(base.make_message(resource_type=resource_type))
            self.assertEqual(linked, link in self.get().content.decode(),
                             resource_type)

    def test_text_from_the_service_is_escaped(self):
        text = '<script>alert("1")</script> \'x\' & \N{WARNING SIGN}\U0001F525'
        self.fake_list(base.make_message(
            user_message=text, remedy=f'1{text}', resource_uuid=f'2{text}',
            resource_type=f'3{text}', message_level=f'4{text}'))

        response = self.get()

        page = self.read_text(response)
        for part in (text, f'1{text}', f'2{text}', f'3{text}', f'4{text}'):
            self.assertIn(part, page)
        self.assertNotContains(response, '<script>alert')
        self.assertNotContains(response, 'alert("1")')

    def test_text_is_no_expression_of_angular(self):
        # Horizon writes another sign in place of the dollars.
        text = '{$ constructor.constructor(1) $}'
        self.fake_list(base.make_message(
            user_message=text, remedy=text, resource_uuid=text,
            resource_type=text))
        for query in ({'resource_id': text}, {text: 'x'}):
            response = self.get(**query)
            self.assertContains(response, 'constructor.constructor(1)')
            self.assertNotContains(response, '{$ constructor')

    def test_unread_message_is_marked(self):
        self.fake_list(base.make_message(2, unread=True),
                       base.make_message(1))
        response = self.get()
        self.assertContains(response, 'class="usermsg-unread"', 1)
        self.assertIn('Unread: No storage could be allocated (2).',
                      self.read_text(response))

    def test_empty_list(self):
        self.fake_list()
        self.assertIn('There are no messages.', self.read_text(self.get()))

    def test_empty_list_with_filter(self):
        self.fake_list()
        self.assertIn('No messages match these filters.',
                      self.read_text(self.get(level='WARN')))

    def test_filters_are_sent_to_the_service(self):
        self.fake_list()
        self.get(level='ERROR', resource_type='volume',
                 resource_id=base.VOLUME_ID, request_id=base.REQUEST_ID,
                 since='2026-11-21T22:00', before='2026-11-22T22:00')
        [request] = self.sent()
        self.assertEqual({
            'limit': '20', 'message_level': 'ERROR', 'resource_type': 'VOLUME',
            'resource_uuid': base.VOLUME_ID, 'request_id': base.REQUEST_ID,
            'created_since': '2026-11-21T22:00:00+00:00',
            'created_before': '2026-11-22T22:00:00+00:00',
        }, dict(urllib.parse.parse_qsl(
            urllib.parse.urlsplit(request.url).query)))

    def test_times_of_filters_are_in_the_time_zone_of_the_user(self):
        self.client.cookies['django_timezone'] = 'Asia/Tokyo'
        self.fake_list()
        self.get(since='2026-11-21T22:00')
        self.assertIn('created_since=2026-11-21T22%3A00%3A00%2B09%3A00',
                      self.sent()[0].url)

    def test_time_in_another_format_remains_in_its_field(self):
        self.client.cookies['django_timezone'] = 'Asia/Tokyo'
        self.fake_list()
        for time in ('2026-11-21 22:00:00', '2026-11-21T13:00:00Z'):
            self.assertContains(self.get(since=time),
                                'value="2026-11-21T22:00:00"')

    def test_invalid_filter_is_explained_without_a_request(self):
        for query, expected in (
                ({'level': 'FATAL'}, 'There is no such level.'),
                ({'resource_type': 'a b'}, 'There is no such resource type.'),
                ({'resource_id': 'x' * 256}, 'at most 255 characters'),
                ({'request_id': 'x' * 65}, 'at most 64 characters'),
                ({'since': 'yesterday'}, 'Enter a date and a time'),
                ({'before': '2026-13-01T00:00'}, 'Enter a date and a time'),
                ({'since': '2026-11-22T00:00', 'before': '2026-11-21T00:00'},
                 'This time is not after the other.'),
                ({'marker': 'x'}, 'no valid position in the list'),
                ({'prev_marker': '../x'}, 'no valid position in the list'),
                ({'marker': base.make_id(1), 'prev_marker': base.make_id(2)},
                 'two positions in the list'),
                ({'colour': 'red'}, 'There is no filter "colour".'),
                ({'<script>': 'x'}, 'There is no filter "<script>".'),
                ({'level': ['ERROR', 'WARN']}, 'several values of "level"'),
                ({'since': '9999-12-31T23:59:59-01:00'},
                 'Enter a date and a time')):
            response = self.get(**query)
            self.assertIn(expected, self.read_text(response), query)
            self.assertContains(response, 'role="alert"')
            self.assertNotContains(response, '"<script>"')
        self.assertEqual([], self.service.request_history)

    def test_first_page_links_to_older_messages(self):
        self.fake_list(base.make_message(9), base.make_message(8), more=True)
        response = self.get(level='ERROR')
        self.assertEqual(
            f'{INDEX}?level=ERROR&marker={base.make_id(8)}',
            response.context['older_url'])
        self.assertNotIn('newer_url', response.context)

    def test_second_page_links_to_newer_messages(self):
        self.fake_list(base.make_message(7), base.make_message(6))
        response = self.get(level='ERROR', marker=base.make_id(8))
        self.assertEqual({'limit': ['20'], 'message_level': ['error'],
                          'marker': [base.make_id(8)]}, self.sent()[0].qs)
        self.assertEqual(
            f'{INDEX}?level=ERROR&prev_marker={base.make_id(7)}',
            response.context['newer_url'])
        self.assertNotIn('older_url', response.context)

    def test_page_of_newer_messages_has_the_newest_first(self):
        self.fake_list(base.make_message(8), base.make_message(9), more=True)
        response = self.get(prev_marker=base.make_id(7))
        self.assertEqual(
            {'limit': ['20'], 'prev_marker': [base.make_id(7)]} | {
                'marker': [base.make_id(7)], 'sort': ['created_at:asc']},
            {**self.sent()[0].qs, 'prev_marker': [base.make_id(7)]})
        self.assertEqual(
            [base.make_id(9), base.make_id(8)],
            [row.message.id for row in response.context['rows']])
        self.assertEqual(
            (f'{INDEX}?prev_marker={base.make_id(9)}',
             f'{INDEX}?marker={base.make_id(8)}'),
            (response.context['newer_url'], response.context['older_url']))

    def test_way_back_ends_on_the_first_page(self):
        self.fake_list(base.make_message(8))
        response = self.get(prev_marker=base.make_id(7), level='ERROR')
        self.assertRedirectsNoFollow(response, f'{INDEX}?level=ERROR')

    def test_page_whose_messages_were_deleted_leads_to_the_first_page(self):
        self.fake_list()
        response = self.get(marker=base.make_id(7), level='ERROR')
        self.assertRedirectsNoFollow(response, f'{INDEX}?level=ERROR')

    def test_errors_of_the_service_are_explained(self):
        unavailable = 'temporarily unavailable'
        for options, expected in (
                ({'status_code': 503}, unavailable),
                ({'status_code': 500}, unavailable),
                ({'status_code': 502}, unavailable),
                ({'status_code': 504}, 'did not respond in time'),
                ({'status_code': 403}, 'Your roles do not permit this.'),
                ({'status_code': 404}, 'did not respond as expected'),
                ({'status_code': 400}, 'does not accept these values'),
                ({'status_code': 429}, 'too many requests'),
                ({'exc': requests.exceptions.ConnectTimeout},
                 'did not respond in time'),
                ({'exc': requests.exceptions.ReadTimeout},
                 'did not respond in time'),
                ({'exc': requests.exceptions.ConnectionError}, unavailable),
                ({'exc': requests.exceptions.SSLError}, unavailable),
                ({'text': '<html>'}, 'did not respond as expected')):
            if 'status_code' in options:
                options['json'] = base.make_error(options['status_code'])
            self.service.get(f'{base.API}/messages', **options)
            text = self.read_text(self.get())
            self.assertIn(expected, text, options)
            self.assertNotIn('Internal words', text)
            self.assertNotIn('There are no messages', text)

    def test_missing_list_is_logged(self):
        self.service.get(f'{base.API}/messages', status_code=404)
        with self.assertLogs('usermsg_dashboard.problems', 'WARNING'):
            self.get()

    def test_expired_token_leads_to_the_login(self):
        self.service.get(f'{base.API}/messages', status_code=401)
        response = self.get(level='ERROR')
        self.assertEqual(302, response.status_code)
        self.assertEqual('/auth/login/',
                         urllib.parse.urlsplit(response['Location']).path)
        self.assertIn(urllib.parse.quote(f'{INDEX}?level=ERROR', safe='/'),
                      response['Location'])

    def test_member_may_delete_and_mark_as_read(self):
        self.fake_list(base.make_message(unread=True))
        text = self.read_text(self.get())
        for part in ('Delete selected messages', 'Mark all as read',
                     'as read, for you only.'):
            self.assertIn(part, text)

    def test_mark_as_read_has_the_newest_id(self):
        self.fake_list(base.make_message(2, unread=True),
                       base.make_message(1, unread=True))
        self.assertEqual(base.make_id(2),
                         self.get().context['newest_unread'])

    def test_only_first_page_without_filters_can_be_marked_as_read(self):
        self.fake_list(base.make_message(unread=True))
        for query in ({'level': 'ERROR'}, {'marker': base.make_id(2)}):
            self.assertNotIn('Mark all as read',
                             self.read_text(self.get(**query)))

    def test_empty_form_has_no_filters(self):
        self.fake_list(base.make_message(unread=True))
        response = self.get(level='', resource_type='', resource_id='',
                            request_id='', since='', before='')
        self.assertIn('Mark all as read', self.read_text(response))

    def test_read_messages_cannot_be_marked_as_read(self):
        self.fake_list(base.make_message())
        self.assertNotIn('Mark all as read', self.read_text(self.get()))

    def test_markup_has_labels_and_headers(self):
        self.fake_list(base.make_message())
        page = self.get().content.decode()
        main = page.partition('<div id="content_body">')[2].partition(
            '<div id="footer">')[0]
        for name in ('level', 'resource_type', 'resource_id', 'request_id',
                     'since', 'before'):
            self.assertIn(f'for="usermsg-{name}"', main)
            self.assertIn(f'id="usermsg-{name}"', main)
        self.assertIn('<caption', main)
        self.assertEqual(main.count('<th '), main.count('scope="col"'))
        for markup in ('<script', 'style=', ' onclick'):
            self.assertNotIn(markup, main)

    def test_panel_is_in_the_navigation(self):
        self.fake_list()
        self.assertContains(self.get(), f'href="{INDEX}"')


class ReaderTest(base.TestCase):

    role_names = ('reader',)

    def test_reader_sees_no_deletion(self):
        self.fake_list(base.make_message(unread=True))
        response = self.client.get(INDEX)
        text = self.read_text(response)
        self.assertNotIn('Delete', text)
        self.assertIn('Mark all as read', text)
        self.assertNotContains(response, 'type="checkbox"')


class MissingServiceTest(base.TestCase):

    endpoint = None

    def test_page_says_that_the_region_has_no_service(self):
        with self.assertNoLogs('usermsg_dashboard', 'WARNING'):
            self.assertIn('no user messages service in this region',
                          self.read_text(self.client.get(INDEX)))

    def test_panel_is_not_in_the_navigation(self):
        response = self.client.get(reverse(
            'horizon:project:usermsg_permitted:index'))
        self.assertNotContains(response, f'href="{INDEX}"')
