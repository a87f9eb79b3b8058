# SPDX-License-Identifier: Apache-2.0
"""How the older services state versions and errors."""

import json
import re

import webob

from usermsg.api import errors

_VERSION = re.compile(r'([1-9][0-9]{0,30})\.(0|[1-9][0-9]{0,30})')

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


class Dialect:
    """One older service's. See :func:`usermsg.api.dialects.of`.

    :param minimum: the lowest version that there is, (major, minor)
    :param maximum: the highest
    """

    #: The header that an answer's version is stated in.
    header = None
    #: Whether an answer without a body has the older header of its id too.
    request_id_of_empty = False

    def __init__(self, minimum, maximum):
        self.minimum = minimum
        self.maximum = maximum

    def stated(self, request):
        """The version that a request names, as text; None if it doesn't."""
        raise NotImplementedError()

    def default(self, request):
        """The version of a request that names none."""
        raise NotImplementedError()

    def form(self, version):
        """How a version stands in the header."""
        return version

    def version(self, request):
        """The version that a request asks for, (major, minor).

        None at an address outside of any version.

        :raises usermsg.api.errors.InvalidVersion: it can't be understood
        :raises usermsg.api.errors.UnsupportedVersion: there is none such
        """
        stated = self.stated(request)
        if stated is None:
            return self.default(request)
        if stated == 'latest':
            return self.maximum
        version = _parse(stated)
        if version is None:
            raise errors.InvalidVersion(
                self.form(text(self.maximum)), self.header)
        if not self.minimum <= version <= self.maximum:
            raise errors.UnsupportedVersion(
                text(self.minimum), text(self.maximum), stated, self.header)
        return version

    def state(self, request, response):
        """Repeat the version, even one that isn't served."""
        if response.status_int == 401:
            # Who isn't let in never reaches what knows versions.
            return
        try:
            version = self.version(request)
        except errors.UnsupportedVersion:
            version = _parse(self.stated(request))
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
            response.headers[self.header] = self.form(text(version))
            response.headers['Vary'] = ', '.join(filter(None, (
                self.header, response.headers.get('Vary'))))

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
        answer = webob.Response(status=status)
        return errors.with_headers(error, written(answer, body))


def text(version):
    return '{}.{}'.format(*version)


def written(response, content):
    """Content as those services write it, down to the blanks."""
    response.content_type = 'application/json'
    response.charset = None
    response.body = json.dumps(content).encode()
    return response


def _parse(stated):
    found = _VERSION.fullmatch(stated)
    return found and (int(found[1]), int(found[2]))


def _message(error):
    if isinstance(error, errors.NotFound):
        return 'The resource could not be found.'
    if isinstance(error, errors.UnsupportedVersion):
        return (f'Version {error.asked} is not supported by the API. Minimum '
                f'is {error.minimum} and maximum is {error.maximum}.')
    return str(error)
