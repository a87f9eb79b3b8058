# SPDX-License-Identifier: Apache-2.0
"""Comparison of the volume facade with recorded responses of Cinder 29.0.0.

``recordings/`` contains unchanged requests and responses of a real cloud with
MariaDB: messages about three volumes for which no storage was found, requested
by a member of their project, a reader of it (rita) and a member of another
project (bob).
"""

import datetime
import json
import pathlib

from keystonemiddleware import fixture as keystone_fixture

from usermsg.api import app
from usermsg.message import api as message_api
from usermsg.tests import base
from usermsg.tests.fixtures import clocks
from usermsg.tests.fixtures import comparison
from usermsg.tests.fixtures import http_client

_RECORDINGS = pathlib.Path(__file__).parent / 'recordings'
_ROOT = 'http://127.0.0.1:8776'
_IDENTITY = 'http://127.0.0.1:5000'


def _recording(name):
    text = (_RECORDINGS / f'{name}.json').read_text(encoding='utf-8')
    return json.loads(text)


class TestRecordings(base.TestCase):

    def setUp(self):
        super().setUp()
        tokens = self.useFixture(keystone_fixture.AuthTokenFixture())
        for token, project, role in (('alice', 'red', 'member'),
                                     ('rita', 'red', 'reader'),
                                     ('bob', 'blue', 'member')):
            tokens.add_token_data(
                token, user_id=token, project_id=project,
                role_list=list({role, 'reader'}))
        keystone = {**http_client.KEYSTONE['keystone_authtoken'],
                    'www_authenticate_uri': _IDENTITY}
        runtime = self.runtime(**{
            **http_client.KEYSTONE, 'keystone_authtoken': keystone,
            'volume_facade': {'public_endpoint': _ROOT}})
        self.ids = {}
        clock = clocks.Manual(None)
        api = message_api.API(runtime, now=clock)
        recorded = _recording('list-3.5')['response']['body']['messages']
        for message in reversed(recorded):
            clock.time = datetime.datetime.fromisoformat(
                f'{message["created_at"]}+00:00')
            [stored] = api.record([api.new_message(
                {'project_id': 'red', **{name: message[name] for name in (
                    'event_id', 'resource_uuid', 'request_id')}})])
            # usermsg's ids contain the time, so they differ from Cinder's.
            self.ids[message['id']] = stored.row.id
        self.app = app.make_app(runtime)

    def responses(self, name):
        """Return the recorded response and that of the facade."""
        text = (_RECORDINGS / f'{name}.json').read_text(encoding='utf-8')
        for recorded_id, message_id in self.ids.items():
            text = text.replace(recorded_id, message_id)
        recorded = json.loads(text)
        request, response = recorded['request'], recorded['response']
        headers = dict(request['headers'])
        if '401' not in name:
            _, _, user = name.partition('delete-')
            headers['X-Auth-Token'] = user or 'alice'
        facade_response = http_client.request(
            self.app, f'/volume{request["url"].removeprefix(_ROOT)}',
            request['method'], headers)
        body = response['body']
        return (
            comparison.normalize(response['status'],
                                 response['headers'].items(),
                                 body and json.dumps(body), _ROOT),
            comparison.normalize(facade_response.status_int,
                                 facade_response.headers.items(),
                                 facade_response.text, _ROOT))

    def test_responses_equal_the_recorded_ones(self):
        names = {path.stem for path in _RECORDINGS.glob('*.json')}
        self.assertEqual(20, len(names))
        # The request that deletes a message comes last.
        for name in sorted(names - {'list-no-version-404'},
                           key=lambda name: (name == 'delete', name)):
            recorded, facade = self.responses(name)
            self.assertEqual(recorded, facade, name)

    def test_list_without_a_version_returns_200(self):
        recorded, facade = self.responses('list-no-version-404')
        self.assertEqual(404, recorded.status)
        self.assertEqual(200, facade.status)
        self.assertEqual(3, len(json.loads(facade.body)['messages']))
