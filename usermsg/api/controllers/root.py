# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""Finds the handler of a request; answers discovery itself."""

import orjson
import pecan

from usermsg.api.controllers import health
from usermsg.api.controllers import messages
from usermsg.api import errors
from usermsg.api import microversion
from usermsg.api import route


class Root:
    """The root controller.

    Pecan's own object routing would answer ``/v3/messages/__class__`` with a
    failure and follow ``?_method=``; a table of routes does neither.
    """

    def __init__(self, runtime):
        self._runtime = runtime
        self.table = route.Table([
            self, messages.Messages(runtime), health.Health(runtime)])

    @pecan.expose()
    def _route(self, segments, request):
        method = request.method
        found, handler, values = self.table.find(method, segments)
        request.environ['usermsg.route'] = found
        request.prepare(self._runtime, values)
        request.version  # an error, if it isn't one of ours
        if found.rule is not None and not request.identified:
            raise errors.Unauthorized()
        limit = self._runtime.conf.api.max_request_body_size
        if (request.content_length or 0) > limit:
            raise errors.BodyTooLarge(limit)
        # Pecan would look at the Accept header and parse the body. Whatever
        # a client accepts, we speak JSON; and handlers read their body.
        request.pecan['content_type'] = 'application/json'
        request.environ['CONTENT_TYPE'] = 'application/octet-stream'
        return handler, []

    @route.handle('GET', '/')
    def versions(self, request, response):
        return _json(response, {'versions': [_version(request)]})

    @route.handle('GET', '/v3')
    def version(self, request, response):
        return _json(response, {'version': _version(request)})


def _version(request):
    return {
        'id': f'v{microversion.text(microversion.MINIMUM)}',
        'status': 'CURRENT',
        'version': microversion.text(microversion.MAXIMUM),
        'min_version': microversion.text(microversion.MINIMUM),
        'updated': '2026-11-21T00:00:00Z',
        'links': [{'rel': 'self', 'href': f'{request.endpoint}/v3/'}],
    }


def _json(response, content):
    response.content_type = 'application/json'
    response.charset = None
    response.body = orjson.dumps(content)
    return response
