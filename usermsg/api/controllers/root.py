# SPDX-License-Identifier: Apache-2.0
"""Root controller: dispatch by the route table, and version discovery."""

from usermsg.api.controllers import defined_messages
from usermsg.api.controllers import health
from usermsg.api.controllers import message_summary
from usermsg.api.controllers import messages
from usermsg.api.controllers import read_mark
from usermsg.api import errors
from usermsg.api import expensive_requests
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
    """Root controller with the table of all routes.

    :param limiter: a :class:`usermsg.api.expensive_requests.Limiter`; None
        for that of a WSGI server whose number of threads isn't known
    """

    def __init__(self, runtime, limiter=None):
        limiter = limiter or expensive_requests.Limiter(runtime.metrics)
        self._runtime = runtime
        self._max_body = runtime.conf.api.max_request_body_size
        native = [self, messages.Messages(runtime, limiter),
                  message_summary.MessageSummary(runtime),
                  read_mark.ReadMark(runtime),
                  defined_messages.DefinedMessages(runtime),
                  health.Health(runtime)]
        #: The routes of the native API, which the OpenAPI document describes.
        self.native_routes = route.Table(native).routes
        self.table = route.Table([
            *native, volume.Volume(runtime, limiter),
            share.Share(runtime, limiter)])
        self._description = openapi.describe(self.native_routes)

    def find(self, request):
        """Return the handler of a request, after the checks of its route.

        :raises usermsg.api.errors.HTTPError: no route matches, or the request
            can't be handled
        :raises usermsg.exception.Forbidden: the policy doesn't permit it
        :raises usermsg.exception.InvalidInput: a query parameter is invalid
        """
        # Not through WebOb's attributes, which take longer than the rest.
        environ = request.environ
        try:
            path = environ['PATH_INFO'].encode('latin-1').decode()
        except UnicodeDecodeError:
            raise errors.MalformedRequest() from None
        matched, handler, values = self.table.find(
            environ['REQUEST_METHOD'], path)
        request.prepare(self._runtime, matched, values)
        if matched.rule is not None:
            if not request.is_authenticated:
                if identity.UNAVAILABLE in environ:
                    raise errors.IdentityUnavailable()
                raise errors.Unauthorized()
            request.endpoint  # raises InvalidHost before any other work
        request.version  # raises if the version isn't supported
        if (environ.get('CONTENT_LENGTH') and
                (request.content_length or 0) > self._max_body):
            raise errors.BodyTooLarge(self._max_body)
        if matched.query is not None:
            if matched.rule is not None:
                request.identity.authorize(matched.rule)
            environ['usermsg.query'] = query.read(request)
        return handler

    @route.handle('GET', '/', responses={200: schemas.VERSIONS})
    def versions(self, request, response):
        """List the versions of the API."""
        return responses.json(response, {'versions': [_version(request)]})

    @route.handle('GET', '/v3', responses={200: schemas.VERSION})
    def version(self, request, response):
        """Show the version of the API."""
        return responses.json(response, {'version': _version(request)})

    @route.handle('GET', '/v3/openapi.json',
                  responses={200: schemas.DESCRIPTION})
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
