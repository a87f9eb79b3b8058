# SPDX-License-Identifier: Apache-2.0
"""Finds the handler of a request; answers discovery itself."""

from usermsg.api.controllers import defined_messages
from usermsg.api.controllers import health
from usermsg.api.controllers import messages
from usermsg.api import errors
from usermsg.api.facades import share
from usermsg.api.facades import volume
from usermsg.api import microversion
from usermsg.api.middleware import identity
from usermsg.api import openapi
from usermsg.api import query
from usermsg.api import response as responses
from usermsg.api import route
from usermsg.api import schemas


class Root:
    """The root controller: holds the table of all routes."""

    def __init__(self, runtime):
        self._runtime = runtime
        native = [self, messages.Messages(runtime),
                  defined_messages.DefinedMessages(runtime),
                  health.Health(runtime)]
        #: Of the native API, the one that is described.
        self.native_routes = route.Table(native).routes
        self.table = route.Table([
            *native, volume.Volume(runtime), share.Share(runtime)])
        self._description = openapi.describe(self.native_routes)

    def find(self, request):
        """The handler of a request, which may then ask the request for more.

        :raises usermsg.api.errors.HTTPError: there is none, or the request
            can't be handled
        :raises usermsg.exception.Forbidden: the policy doesn't allow it
        :raises usermsg.exception.InvalidInput: of the query
        """
        found, handler, values = self.table.find(
            request.method, request.path_info)
        request.prepare(self._runtime, found, values)
        if found.rule is not None:
            if not request.identified:
                if identity.UNAVAILABLE in request.environ:
                    raise errors.IdentityUnavailable()
                raise errors.Unauthorized()
            request.endpoint  # an error, before anything is done
        request.version  # an error, if it isn't one of ours
        limit = self._runtime.conf.api.max_request_body_size
        if (request.content_length or 0) > limit:
            raise errors.BodyTooLarge(limit)
        if found.query is not None:
            if found.rule is not None:
                request.identity.authorize(found.rule)
            request.environ['usermsg.query'] = query.read(request)
        return handler

    @route.handle('GET', '/', answers={200: schemas.VERSIONS})
    def versions(self, request, response):
        """List the versions of the API."""
        return responses.json(response, {'versions': [_version(request)]})

    @route.handle('GET', '/v3', answers={200: schemas.VERSION})
    def version(self, request, response):
        """Show the version of the API."""
        return responses.json(response, {'version': _version(request)})

    @route.handle('GET', '/v3/openapi.json',
                  answers={200: schemas.DESCRIPTION})
    def description(self, request, response):
        """Describe the API in OpenAPI 3.1."""
        return responses.json(response, {
            **self._description, 'servers': [{'url': request.endpoint}]})


def _version(request):
    return {
        'id': f'v{microversion.text(microversion.NATIVE.minimum)}',
        'status': 'CURRENT',
        'version': microversion.text(microversion.NATIVE.maximum),
        'min_version': microversion.text(microversion.NATIVE.minimum),
        'updated': '2026-11-21T00:00:00Z',
        'links': [{'rel': 'self', 'href': f'{request.endpoint}/v3/'}],
    }
