# SPDX-License-Identifier: Apache-2.0
"""Middleware that adds a request id to every response."""

from oslo_context import context
from oslo_log import log

from usermsg.api import dialects
from usermsg.api import errors
from usermsg import validation

LOG = log.getLogger(__name__)

_PREFIX = 'req-'


class RequestId:
    """WSGI middleware for request ids and unexpected errors.

    It turns an exception that no inner layer caught into a 500 response. The
    client's ``X-OpenStack-Request-ID`` becomes the global request id only if
    it has the format of a request id, because logs and messages contain it.
    """

    def __init__(self, app):
        self._app = app

    def __call__(self, environ, start_response):
        request_id = context.generate_request_id()
        environ['openstack.request_id'] = request_id
        # Log lines before authentication must not carry the context of the
        # previous request of this thread.
        context.RequestContext(request_id=request_id)
        # uWSGI passes on malformed requests without these keys.
        for name in ('REQUEST_METHOD', 'PATH_INFO'):
            environ.setdefault(name, '')
        global_id = environ.get('HTTP_X_OPENSTACK_REQUEST_ID', '')
        if (global_id.startswith(_PREFIX) and
                validation.UUID_OF_ANY_CASE.fullmatch(
                    global_id, len(_PREFIX))):
            environ['openstack.global_request_id'] = global_id

        def start(status, headers, exc_info=None):
            return start_response(
                status, [*headers, ('X-OpenStack-Request-Id', request_id)],
                exc_info)

        try:
            return self._app(environ, start)
        except Exception:
            LOG.exception('[%s] The request failed with an unexpected error.',
                          request_id)
            response = dialects.for_path(environ['PATH_INFO']).error_response(
                errors.INTERNAL, request_id)
            return response(environ, start)
