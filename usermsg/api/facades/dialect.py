# SPDX-License-Identifier: Apache-2.0
"""How the older services state versions and errors."""

import json

import webob

from usermsg.api import errors
from usermsg.api import microversion
from usermsg.api import response as responses

#: Status -> what the error is called in a body.
_FAULTS = {
    400: 'badRequest',
    401: 'unauthorized',
    403: 'forbidden',
    404: 'itemNotFound',
    409: 'conflictingRequest',
    413: 'overLimit',
    415: 'badMediaType',
    501: 'notImplemented',
    503: 'serviceUnavailable',
}
_OTHER_FAULT = 'computeFault'


class Dialect(microversion.Dialect):
    """One older service's. See :func:`usermsg.api.dialects.of`."""

    #: Whether an answer without a body has the older header of its id too.
    request_id_of_empty = False

    def state(self, request, response):
        """Repeat the version, even one that isn't served."""
        if response.status_int == 401:
            # Who isn't let in never reaches what knows versions.
            return
        try:
            version = self.version(request)
        except errors.UnsupportedVersion:
            version = microversion.parse(self.stated(request))
        except errors.InvalidVersion:
            version = None
        else:
            if version is None:
                # What stands outside of versions says nothing of this.
                return
        if response.status_int != 204 or self.request_id_of_empty:
            response.headers['X-Compute-Request-Id'] = request.environ[
                'openstack.request_id']
        if version is not None:
            self.set_header(response, version)

    def fault(self, error, request_id):
        """The answer to a request that ended in an error of ours."""
        if isinstance(error, errors.MethodNotAllowed):
            # They have a route for each verb, and none for others.
            error = errors.NotFound()
        status = errors.status_of(error)
        if status == 401:
            # As keystonemiddleware writes it, in front of those services.
            body = {'error': {
                'code': 401, 'title': 'Unauthorized', 'message':
                'The request you have made requires authentication.'}}
        else:
            body = {_FAULTS.get(status, _OTHER_FAULT): {
                'code': status, 'message': _message(error)}}
        return errors.with_headers(error, responses.json(
            webob.Response(status=status), body, dumps))


def dumps(content):
    """JSON as those services write it, down to the blanks."""
    return json.dumps(content).encode()


def _message(error):
    if isinstance(error, errors.NotFound):
        return 'The resource could not be found.'
    if isinstance(error, errors.UnsupportedVersion):
        return (f'Version {error.asked} is not supported by the API. Minimum '
                f'is {error.minimum} and maximum is {error.maximum}.')
    return str(error)
