# SPDX-License-Identifier: Apache-2.0
"""The outermost layer: a request id in every answer."""

from oslo_context import context
from oslo_log import log

from usermsg.api import dialects
from usermsg.api import errors
from usermsg import validation

LOG = log.getLogger(__name__)

_PREFIX = 'req-'


class RequestId:
    """WSGI middleware. Also the last to catch what nobody expected.

    A client's ``X-OpenStack-Request-ID`` is kept as the global request id
    if it has the form of one: it gets into logs and messages.
    """

    def __init__(self, app):
        self._app = app

    def __call__(self, environ, start_response):
        request_id = context.generate_request_id()
        environ['openstack.request_id'] = request_id
        # What is logged before it is known who asks must not be taken for
        # the work of whom this thread served before.
        context.RequestContext(request_id=request_id)
        # uWSGI passes on what is no request at all.
        for name in ('REQUEST_METHOD', 'PATH_INFO'):
            environ.setdefault(name, '')
        given = environ.get('HTTP_X_OPENSTACK_REQUEST_ID', '')
        if given.startswith(_PREFIX) and validation.UUID_OF_ANY_CASE.fullmatch(
                given, len(_PREFIX)):
            environ['openstack.global_request_id'] = given

        def start(status, headers, exc_info=None):
            return start_response(
                status, [*headers, ('X-OpenStack-Request-Id', request_id)],
                exc_info)

        try:
            return self._app(environ, start)
        except Exception:
            LOG.exception('[%s] A request failed.', request_id)
            fault = dialects.of(environ['PATH_INFO']).fault
            return fault(errors.INTERNAL, request_id)(environ, start)
