# SPDX-License-Identifier: Apache-2.0
"""Base of tests: Horizon's user, and a service whose responses are fake."""

import copy
import datetime
import html
import re

from django.core.cache import cache
from openstack_dashboard.test import helpers
import requests_mock

ENDPOINT = 'http://messages.example.org/user-message'
API = f'{ENDPOINT}/v3'
PROJECT_ID = '1'
VOLUME_ID = 'f292cc0c-54a7-4b3b-8174-d2ff82d87008'
REQUEST_ID = 'req-7e2fef96-6255-4c6b-af5f-39c34cf1ea70'


def make_id(number):
    """Return the id of a message; a higher number is newer."""
    return f'01a20023-4e6b-74b8-8e8c-{number:012x}'


def make_message(number=1, **values):
    """Return a message as the service does, with an id from the number."""
    time = (datetime.datetime(2026, 11, 21, 22, tzinfo=datetime.timezone.utc) +
            datetime.timedelta(seconds=number))
    return {
        'id': make_id(number), 'project_id': PROJECT_ID,
        'event_id': 'VOLUME_000002',
        'user_message': f'No storage could be allocated ({number}).',
        'remedy': 'Request a smaller volume.', 'user_fixable': True,
        'retryable': True, 'link': None, 'message_level': 'ERROR',
        'resource_type': 'VOLUME', 'resource_uuid': VOLUME_ID,
        'created_at': time.isoformat(),
        'guaranteed_until': (
            time + datetime.timedelta(days=30)).isoformat(),
        'request_id': REQUEST_ID, 'links': [], 'unread': False, **values}


def make_error(status, detail='Internal words.'):
    """Return an error as the service does."""
    return {'errors': [{'status': status, 'detail': detail}],
            'error': {'code': status, 'message': detail}}


class TestCase(helpers.TestCase):
    """Test case with a user of a region that has the service.

    ``service`` is the mock of all HTTP requests.
    """

    endpoint = ENDPOINT
    interface = 'public'
    role_names = ('member', 'reader')

    def setUp(self):
        super().setUp()
        cache.clear()
        # Horizon's has an anonymous user.
        self.request = self.factory.get('/')
        self.service = requests_mock.Mocker()
        self.service.start()
        self.addCleanup(self.service.stop)

    def _setup_user(self, **kwargs):
        catalogue = copy.deepcopy(self.service_catalog)
        if self.endpoint:
            catalogue.append({
                'type': 'user-message', 'name': 'usermsg', 'endpoints': [
                    {'region': 'RegionOne', 'region_id': 'RegionOne',
                     'interface': self.interface, 'url': self.endpoint}]})
        super()._setup_user(
            service_catalog=catalogue,
            roles=[{'id': role, 'name': role} for role in self.role_names],
            **kwargs)

    def fake_list(self, *messages, more=False):
        """Let the service return a list of messages."""
        content = {'messages': list(messages)}
        if more:
            content['messages_links'] = [{'rel': 'next', 'href': 'ignored'}]
        return self.service.get(f'{API}/messages', json=content)

    def fake_message(self, message):
        """Let the service return a message."""
        return self.service.get(f'{API}/messages/{message["id"]}',
                                json={'message': message})

    def read_text(self, response):
        """Return the text of a page's main part, without markup."""
        self.assertEqual(200, response.status_code)
        page = response.content.decode()
        main = page.partition('<div id="content_body">')[2].partition(
            '<div id="footer">')[0]
        return ' '.join(html.unescape(re.sub('<[^>]+>', ' ', main)).split())

    def read_notices(self, response):
        """Return the texts that the next page will show."""
        return [str(notice) for notice in response.wsgi_request._messages]

    def sent(self, method='GET'):
        """Return the requests that the dashboard has sent to the service."""
        return [request for request in self.service.request_history
                if request.method == method and request.url.startswith(API)]
