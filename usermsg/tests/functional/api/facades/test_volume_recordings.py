# SPDX-License-Identifier: Apache-2.0
"""The volume facade and what Cinder 29.0.0 answered in a real cloud.

``recordings/`` holds requests and answers as they were: with MariaDB, of
three volumes that found no storage, asked for by a member of their project,
a reader of it (rita) and a member of another (bob).
"""

import datetime
import json
import pathlib

from keystonemiddleware import fixture as keystone_fixture

from usermsg.api import app
from usermsg.message import api as message_api
from usermsg.tests import base
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
        api = message_api.API(runtime)
        recorded = _recording('list-3.5')['response']['body']['messages']
        for message in reversed(recorded):
            made = datetime.datetime.fromisoformat(
                f'{message["created_at"]}+00:00')
            [stored] = api.record([api.new_message(
                {'project_id': 'red', **{name: message[name] for name in (
                    'event_id', 'resource_uuid', 'request_id')}},
                created_at=made)])
            # Here an id says when.
            self.ids[message['id']] = stored.row.id
        self.app = app.make_app(runtime)

    def answers(self, name):
        """(the recorded answer, that of the facade)."""
        text = (_RECORDINGS / f'{name}.json').read_text(encoding='utf-8')
        for theirs, ours in self.ids.items():
            text = text.replace(theirs, ours)
        recorded = json.loads(text)
        request, response = recorded['request'], recorded['response']
        headers = dict(request['headers'])
        if '401' not in name:
            _, _, who = name.partition('delete-')
            headers['X-Auth-Token'] = who or 'alice'
        answer = http_client.ask(
            self.app, f'/volume{request["url"].removeprefix(_ROOT)}',
            request['method'], headers)
        body = response['body']
        return (
            comparison.plain(response['status'],
                             response['headers'].items(),
                             body and json.dumps(body), _ROOT),
            comparison.plain(answer.status_int, answer.headers.items(),
                             answer.text, _ROOT))

    def test_the_answers_are_those_that_were_recorded(self):
        names = {path.stem for path in _RECORDINGS.glob('*.json')}
        self.assertEqual(20, len(names))
        # What deletes comes last.
        for name in sorted(names - {'list-no-version-404'},
                           key=lambda name: (name == 'delete', name)):
            recorded, ours = self.answers(name)
            self.assertEqual(recorded, ours, name)

    def test_without_a_version_there_is_an_answer(self):
        recorded, ours = self.answers('list-no-version-404')
        self.assertEqual(404, recorded.status)
        self.assertEqual(200, ours.status)
        self.assertEqual(3, len(json.loads(ours.body)['messages']))
