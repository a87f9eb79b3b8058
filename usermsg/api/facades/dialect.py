# SPDX-License-Identifier: Apache-2.0
"""Versions and errors as the older services write them in responses."""

from usermsg.api import errors
from usermsg.api import microversion
from usermsg.api import response as responses

#: HTTP status -> name of the error in a response body.
_FAULTS = {
    400: 'badRequest',
    401: 'unauthorized',
    403: 'forbidden',
    404: 'itemNotFound',
    409: 'conflictingRequest',
    413: 'overLimit',
    415: 'badMediaType',
    429: 'overLimit',
    501: 'notImplemented',
    503: 'serviceUnavailable',
}
_OTHER_FAULT = 'computeFault'


class Dialect(microversion.Dialect):
    """API dialect of one older service. See :mod:`usermsg.api.dialects`."""

    #: True if a response without a body has the older header of the request
    #: id too.
    request_id_of_empty = False

    def add_version_headers(self, request, response):
        """Repeat the requested version, even one that isn't supported."""
        if response.status_int == 401:
            # A request without a valid token never reaches the part of the
            # older services that handles versions.
            return
        try:
            version = self.version(request)
        except errors.UnsupportedVersion:
            version = microversion.parse(self.requested_version_text(request))
        except errors.InvalidVersion:
            version = None
        else:
            if version is None:
                # The response to a path outside of versions has none of these
                # headers.
                return
        if response.status_int != 204 or self.request_id_of_empty:
            response.headers['X-Compute-Request-Id'] = request.environ[
                'openstack.request_id']
        if version is not None:
            self.set_header(response, version)

    def error_response(self, error, request_id):
        """Build the response to a request that raised an error.

        :param error: a :class:`usermsg.api.errors.HTTPError` or a
            :class:`usermsg.exception.UsermsgError`
        """
        if isinstance(error, errors.MethodNotAllowed):
            # The older services have a route for each verb, and none for
            # other verbs.
            error = errors.NotFound()
        status = errors.status_of(error)
        if status == 401:
            # This is keystonemiddleware's text, which runs in front of those
            # services.
            body = {'error': {
                'code': 401, 'title': 'Unauthorized', 'message':
                'The request you have made requires authentication.'}}
        else:
            body = {_FAULTS.get(status, _OTHER_FAULT): {
                'code': status, 'message': _message(error)}}
        return errors.with_headers(error, responses.json(
            responses.Response(status=status), body))


def _message(error):
    if isinstance(error, errors.NotFound):
        return 'The resource could not be found.'
    if isinstance(error, errors.UnsupportedVersion):
        return (f'Version {error.requested} is not supported by the API. '
                f'Minimum is {error.minimum} and maximum is {error.maximum}.')
    return str(error)
