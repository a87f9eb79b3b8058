# SPDX-License-Identifier: Apache-2.0
"""A facade beside the real service: one request, two answers.

Both keep the same messages, down to ids and times, and know the same tokens.
What may differ, and is made the same before the answers are compared: the
address of the service, ids of requests, the words of an outcome and of a
refused request.
"""

import atexit
import concurrent.futures
import contextlib
import datetime
import http.client
import json
import re
import typing

from usermsg.message import api as message_api
from usermsg.tests import base
from usermsg.tests.functional.http import identified
from usermsg.tests.functional import keystone

#: When the first message of a project was recorded.
_BEGIN = datetime.datetime(2026, 11, 21, 20, 9, tzinfo=datetime.timezone.utc)

UNKNOWN = '018f0000-0000-7000-8000-000000000000'

#: Of the connection, and what usermsg tells browsers with every answer.
_OWN = ('connection', 'content-length', 'cache-control',
        'content-security-policy', 'referrer-policy',
        'x-content-type-options', 'x-frame-options')

_WORDS = re.compile(r'"user_message": "((?:[^"\\]|\\.)*)"')
_REFUSED = re.compile(
    r'(\{"(?:badRequest|forbidden)": \{"code": \d+, "message": )'
    r'"(?:[^"\\]|\\.)+"')
_REQUEST_ID = re.compile('req-[0-9a-f-]{36}')


#: Who asks -> project, role.
_WHO = {
    'member': ('red', 'member'),
    'reader': ('red', 'reader'),
    'manager': ('red', 'manager'),
    'admin': ('red', 'admin'),
    'service': ('red', 'service'),
    'strange': ('red', 'strange'),
    'blue': ('blue', 'member'),
}


class Outcome(typing.NamedTuple):
    """What both services record. Ids as in their catalogues."""

    resource_type: str
    action: str
    detail: str
    level: str = 'ERROR'
    microseconds: int = 0


class Request(typing.NamedTuple):
    """Placeholders of the path are known to :class:`Pair`."""

    path: str
    version: str | None
    who: str = 'member'
    method: str = 'GET'
    headers: dict = {}
    body: str | None = None

    def __str__(self):
        more = ''.join(f' {part!r}' for part in (self.headers, self.body)
                       if part)
        return f'{self.method} {self.path} [{self.version}] {self.who}{more}'


class Answer(typing.NamedTuple):
    status: int
    headers: list
    body: str

    def summary(self, names):
        """Status, and what a test would say of the content.

        :param names: id of a message -> its name in tests
        """
        try:
            content = json.loads(self.body)
        except ValueError:
            return str(self.status)
        said = []
        if 'messages' in content:
            said = [names.get(message['id'], message['id'])
                    for message in content['messages']]
            if 'messages_links' in content:
                said.append('next')
        elif 'message' in content and isinstance(content['message'], dict):
            said = [names[content['message']['id']]]
        elif len(content) == 1:
            said = [*content]
        return ' '.join([str(self.status), *said])


class Pair:
    """The real service and the facade, with the same messages.

    Project red has messages 1, 2, 3 and so on, oldest first, in both.
    Further ones are in usermsg alone, where red must not see them: of
    another project (``{elsewhere}``), and of another service
    (``{other}``).

    :param peer: the class of the real service
    :param root: the path that the facade adds
    :param header: what a version is asked for with
    :param outcomes: a list of :class:`Outcome`: red's messages
    :param other: an event id of another service
    """

    def __init__(self, peer, root, header, outcomes, other):
        identity = keystone.shared()
        # Of its own, as an admin lists what is there of all projects. Its
        # port isn't known before it is started.
        own = identified.Service(identity, {'trust_host_header': 'true'})
        atexit.register(own.stop)
        self._header = header
        self._outcomes = outcomes
        self.red = identity.project('compared-red')
        self.blue = identity.project('compared-blue')
        self._places = {
            'red': self.red, 'blue': self.blue, 'unknown': UNKNOWN}
        self.names = {}
        self._recorded = 0
        authtoken = identity.authtoken()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            started = pool.submit(peer, authtoken)
            self._tokens = {who: _token(identity, who) for who in _WHO}
            self.real = started.result()
        atexit.register(self.real.stop)
        self._roots = (self.real.url, f'{own.server.url}{root}')
        self._api = message_api.API(own.runtime)
        self.record(len(outcomes))
        for place, project, event in (('elsewhere', self.blue, peer.event),
                                      ('other', self.red, other)):
            [(message, _new)] = self._api.record([self._api.draft(
                project, event, created_at=_BEGIN)])
            self._places[place] = message.id
            self.names[message.id] = place

    def record(self, number):
        """Further messages; returns their names."""
        entries = []
        for place in range(self._recorded, self._recorded + number):
            outcome = self._outcomes[place % len(self._outcomes)]
            resource = f'aaaaaaaa-0000-4000-8000-{place + 1:012}'
            request = f'req-bbbbbbbb-0000-4000-8000-{place + 1:012}'
            made = _BEGIN + datetime.timedelta(
                seconds=place + 1, microseconds=outcome.microseconds)
            draft = self._api.draft(
                self.red, resource_type=outcome.resource_type,
                resource_uuid=resource, level=outcome.level,
                action=outcome.action, detail=outcome.detail,
                request_id=request, created_at=made)
            [(message, _new)] = self._api.record([draft])
            name = str(place + 1)
            self.names[message.id] = name
            self._places[f'id{name}'] = message.id
            self._places[f'ID{name}'] = message.id.upper()
            entries.append({
                'id': message.id, 'project_id': self.red,
                'request_id': request, 'resource_uuid': resource,
                'resource_type': outcome.resource_type,
                'action': outcome.action, 'detail': outcome.detail,
                'level': outcome.level,
                'created_at': made.replace(tzinfo=None).isoformat()})
        self.real.record(entries)
        self._recorded += number
        return [self.names[entry['id']] for entry in entries]

    def ask(self, request):
        """(answer of the real service, answer of the facade)."""
        return tuple(self._ask(root, request) for root in self._roots)

    def summaries(self, request):
        return tuple(answer.summary(self.names)
                     for answer in self.ask(request))

    def _ask(self, root, request):
        server, _, path = root.removeprefix('http://').partition('/')
        headers = {'Accept': 'application/json', **request.headers}
        if request.who != 'nobody':
            headers['X-Auth-Token'] = self._tokens[request.who]
        if request.version is not None:
            headers[self._header] = request.version
        connection = http.client.HTTPConnection(server, timeout=60)
        with contextlib.closing(connection):
            connection.request(
                request.method,
                f'/{path}'.rstrip('/') + request.path.format(**self._places),
                request.body, headers)
            answer = connection.getresponse()
            body = answer.read().decode()
        length = answer.headers['Content-Length']
        if length is not None and request.method != 'HEAD':
            assert int(length) == len(body.encode()), (request, length, body)
        return plain(answer.status, answer.getheaders(), body, root)


def plain(status, headers, body, root):
    """An :class:`Answer` without what may differ.

    :param headers: a list of (name, value)
    :param root: the address that links begin with
    """
    # An empty answer has no type here.
    own = _OWN if body else (*_OWN, 'content-type')
    headers = sorted(
        (name.lower(), _REQUEST_ID.sub('REQUEST', value.replace(
            root, 'ROOT')))
        for name, value in headers if name.lower() not in own)
    body = _WORDS.sub(_shape, body.replace(root, 'ROOT'))
    return Answer(status, headers, _REFUSED.sub(r'\1"WORDS"', body))


def _token(identity, who):
    project, role = _WHO[who]
    user = f'compared-{who}'
    identity.user(user, project=f'compared-{project}', roles=[role])
    return identity.token(user, project=f'compared-{project}')


def _shape(found):
    """Of an action and a detail, in words of either service."""
    composed = re.fullmatch(r'[^:]+(: ?)[^ :].*', found[1])
    words = 'TEXT' if composed is None else f'ACTION{composed[1]}DETAIL'
    return f'"user_message": "{words}"'


class TestCase(base.TestCase):
    """Compares the answers of ``self.pair``."""

    def assert_same(self, requests):
        different = []
        for request in requests:
            real, facade = self.pair.ask(request)
            if real != facade:
                different.append('\n'.join([
                    str(request), *(f'  {name}: {ours!r}, really {theirs!r}'
                                    for name, theirs, ours in zip(
                                        real._fields, real, facade)
                                    if theirs != ours)]))
        self.assertEqual([], different, '\n' + '\n'.join(different))

    def assert_different(self, table):
        """What is documented to differ does.

        :param table: of (request, summary of the real service's answer,
            summary of the facade's)
        """
        for request, real, facade in table:
            self.assertEqual((real, facade), self.pair.summaries(request),
                             str(request))
