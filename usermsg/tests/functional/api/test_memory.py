# SPDX-License-Identifier: Apache-2.0
"""Tests that requests leave no reference cycles."""

import gc
import weakref

import fixtures
import webob

from usermsg.api import app
from usermsg.api import request
from usermsg.tests import base
from usermsg.tests.fixtures import http_client


class TestMemory(base.TestCase):

    def setUp(self):
        super().setUp()
        self.alive = weakref.WeakSet()
        alive = self.alive

        class Request(request.Request):
            def __init__(self, *arguments, **values):
                super().__init__(*arguments, **values)
                alive.add(self)

        self.useFixture(fixtures.MonkeyPatch(
            'usermsg.api.request.Request', Request))
        self.service = self.runtime()
        self.app = app.make_app(self.service)

    def request(self, address, **headers):
        # Not webob's request object, which would keep the environment alive.
        environ = webob.Request.blank(address).environ
        environ.update(headers)
        statuses = []
        b''.join(self.app(
            environ, lambda status, *rest: statuses.append(status)))
        return int(statuses[0][:3])

    def test_request_is_freed_without_garbage_collector(self):
        message = http_client.record(self.service, 'admin')
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        statuses = [
            self.request('/v3/messages?limit=10'),
            self.request(f'/v3/messages/{message.id}'),
            self.request('/v3/defined-messages', HTTP_IF_NONE_MATCH='*'),
            self.request('/v3/messages?limit=no'),
            self.request('/v3/messages/none'),
            self.request('/healthcheck'),
            self.request('/v3/messages', REQUEST_METHOD='POST')]
        self.assertEqual([200, 200, 304, 400, 404, 200, 415], statuses)
        self.assertEqual([], list(self.alive))
