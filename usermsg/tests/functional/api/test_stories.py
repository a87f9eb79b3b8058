# SPDX-License-Identifier: Apache-2.0
"""Loader of the HTTP stories in gabbits/*.yaml, and their fixtures."""

import json
import os
import sys

import fixtures
from gabbi import driver
from gabbi import fixture

from usermsg.api import app
from usermsg.catalogue import resource_types
from usermsg.message import api as message_api
from usermsg.tests.fixtures import clocks
from usermsg.tests.fixtures import http_client

#: Two projects. The first, its volume and its request are those of the
#: example in the documentation.
RED = '6c430ede-9476-4128-8838-8d3929ced223'
BLUE = '5e1f0a9be52c4d1c9d8e6a3b7c2f4d10'
VOLUME = 'f292cc0c-54a7-4b3b-8174-d2ff82d87008'
SHARE = '3d1f5a7e-09b2-4c6d-8e4f-a1b2c3d4e5f6'
REQUEST = 'req-936666d2-4c8f-4e41-9ac9-237b43f8b848'

_current = {}


def _application(environ, start_response):
    # gabbi requests the application before it starts the fixtures.
    return _current['app'](environ, start_response)


class _Service(fixture.GabbiFixture):
    """Application with a new, empty database."""

    api = {}
    groups = {}

    def start_fixture(self):
        self._fixtures = fixtures.Fixture()
        self._fixtures.setUp()
        home = self._fixtures.useFixture(fixtures.TempDir()).path
        self._set('HOME', home)
        runtime = http_client.make_runtime(
            home, api={'auth_strategy': 'noauth', **self.api}, **self.groups)
        self._fixtures.addCleanup(runtime.db.dispose)
        _current['app'] = app.make_app(runtime)
        for name, value in (('RED', RED), ('BLUE', BLUE),
                            ('VOLUME', VOLUME), ('SHARE', SHARE),
                            ('REQUEST', REQUEST)):
            self._set(name, value)
        self.record(runtime)

    def stop_fixture(self):
        _current.clear()
        self._fixtures.cleanUp()

    def record(self, runtime):
        """Record the messages that exist when the story begins."""

    def _set(self, name, value):
        self._fixtures.useFixture(fixtures.EnvironmentVariable(name, value))


class Empty(_Service):
    """Service without messages."""


class ShortDelay(_Service):
    """No message yet, and lists hold new ones back as briefly as possible."""

    api = {'follow_delay': 1}


class LongDelay(_Service):
    """One old message; lists hold new ones back for longer than a story."""

    api = {'follow_delay': 300}

    def record(self, runtime):
        self._set('OLD', http_client.record(
            runtime, RED, now=clocks.ahead(-3600)).id)


class Example(_Service):
    """Service with the message of the documented example."""

    def record(self, runtime):
        message = http_client.record(
            runtime, RED, request_id=REQUEST,
            resource_type=resource_types.VOLUME, resource_uuid=VOLUME)
        self._set('MESSAGE', message.id)


class Messages(_Service):
    """Seven messages of RED and two of BLUE, RED_1 being the oldest."""

    def record(self, runtime):
        recorded = [
            dict(resource_type=resource_types.VOLUME, resource_uuid=VOLUME,
                 request_id=REQUEST),
            dict(event_id='VOLUME_000003', level='WARN', resource_uuid='v-2',
                 resource_type=resource_types.VOLUME),
            dict(event_id=None, action='ATTACH_VOLUME', detail='001',
                 resource_type=resource_types.VOLUME, resource_uuid='v-3'),
            dict(event_id=None, action='UPLOAD', detail='002', level='INFO',
                 resource_type=resource_types.IMAGE, resource_uuid='i-4'),
            dict(resource_uuid='no-type'),
            dict(resource_type=resource_types.VOLUME),
            dict(resource_type=resource_types.VOLUME, resource_uuid='V-2'),
        ]
        for number, values in enumerate(recorded, start=1):
            message = http_client.record(
                runtime, RED, now=clocks.behind, **values)
            self._set(f'RED_{number}', message.id)
        for number in (1, 2):
            message = http_client.record(
                runtime, BLUE, resource_type=resource_types.VOLUME,
                resource_uuid=VOLUME, now=clocks.behind)
            self._set(f'BLUE_{number}', message.id)


class SmallPages(Messages):
    """The same messages, with pages of at most three."""

    api = {'max_limit': 3}


class Facades(_Service):
    """Messages of volumes, of shares and of an image, VOLUME_1 the oldest."""

    def record(self, runtime):
        image = dict(event_id=None, action='UPLOAD', detail='002',
                     resource_type=resource_types.IMAGE)
        for name, values in (
                ('VOLUME_1', dict(
                    event_id='VOLUME_VOLUME_001_003', resource_uuid=VOLUME,
                    request_id=REQUEST)),
                ('SHARE_1', dict(
                    event_id='SHARE_SHARE_001_002', resource_uuid=SHARE)),
                ('VOLUME_2', dict(level='WARN')),
                ('SHARE_2', dict(
                    event_id='SHARE_SHARE_002_004', resource_uuid='share-2',
                    level='INFO')),
                ('IMAGE_1', image)):
            self._set(name, http_client.record(runtime, RED, **values).id)
        # Without a request id.
        self._set('VOLUME_3', message_api.API(runtime).create(
            None, 'VOLUME_000003', RED, level='INFO').id)
        self._set('BLUE_1', http_client.record(
            runtime, BLUE, 'VOLUME_VOLUME_001_003',
            resource_uuid='blue-volume').id)
        self._set('BLUE_SHARE', http_client.record(
            runtime, BLUE, 'SHARE_SHARE_001_002',
            resource_uuid='blue-share').id)


class SmallRate(_Service):
    """Service in which cinder can record two more messages for RED.

    The rate is so low that no further message is permitted during a test.
    """

    groups = {'messages': {
        'record_rate': 0.001, 'record_burst': 1000,
        'record_rates': f'{BLUE}:0', 'record_timeout': 60}}

    def record(self, runtime):
        response = http_client.request(
            _current['app'], '/v3/messages', 'POST',
            {'X-Project-Id': 'services', 'X-User-Id': 'cinder',
             'X-Roles': 'service', 'Content-Type': 'application/json'},
            json.dumps({'messages': [
                {'project_id': RED, 'event_id': 'VOLUME_000002'}
            ] * 998}).encode())
        assert response.status_int == 201


class FacadeEndpoints(Facades):
    """The same messages, at the URLs of the services that they replace."""

    groups = {
        'volume_facade': {'public_endpoint': 'https://volume.example.org'},
        'share_facade': {
            'public_endpoint': 'https://cloud.example.org/share/'},
    }


class PublicEndpoint(Messages):
    """The same messages, with a configured public endpoint."""

    api = {'public_endpoint': 'https://cloud.example.org/user-message/'}


class HostHeader(Messages):
    """The same messages, behind a proxy that sets the Host header."""

    api = {'trust_host_header': 'true'}


def load_tests(loader, tests, pattern):
    return driver.build_tests(
        os.path.join(os.path.dirname(__file__), 'gabbits'), loader,
        intercept=lambda: _application,
        fixture_module=sys.modules[__name__],
        # "gabbits" keeps them in one process, see .stestr.conf.
        test_loader_name=f'{__name__}.gabbits')
