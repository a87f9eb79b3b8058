# SPDX-License-Identifier: Apache-2.0
"""What a request leaves behind."""

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

    def ask(self, address, **headers):
        # Not of webob: that would keep the environment itself.
        environ = webob.Request.blank(address).environ
        environ.update(headers)
        status = []
        b''.join(self.app(environ, lambda *given: status.append(given[0])))
        return int(status[0][:3])

    def test_nothing_of_a_request_waits_for_the_garbage_collector(self):
        message = http_client.record(self.service, 'admin')
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        found = [
            self.ask('/v3/messages?limit=10'),
            self.ask(f'/v3/messages/{message.id}'),
            self.ask('/v3/defined-messages', HTTP_IF_NONE_MATCH='*'),
            self.ask('/v3/messages?limit=no'),
            self.ask('/v3/messages/none'),
            self.ask('/healthcheck'),
            self.ask('/v3/messages', REQUEST_METHOD='POST')]
        self.assertEqual([200, 200, 304, 400, 404, 200, 415], found)
        self.assertEqual([], list(self.alive))
