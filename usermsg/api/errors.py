# SPDX-License-Identifier: Apache-2.0
"""Mapping of errors to HTTP responses, all with the same body.

The body supports both formats that clients parse: ``errors`` is that of the
API-SIG guideline, ``error`` that of older services.
"""

import http

from oslo_log import log
from webob import exc as webob_exc

from usermsg.api import response as responses
from usermsg import exception

LOG = log.getLogger(__name__)

#: Seconds; sent while the database or Keystone is unavailable.
RETRY_AFTER = 5


class HTTPError(exception.UsermsgError):
    """Error in the HTTP request itself, raised by the API layer.

    A subclass defines its ``status``.
    """

    status = 500


class NotFound(HTTPError):
    status = 404
    code = 'not_found'
    text = 'No resource exists at this URL.'


class MethodNotAllowed(HTTPError):
    status = 405
    code = 'method_not_allowed'
    text = 'The method is not allowed; this URL allows {}.'

    def __init__(self, allowed):
        self.allowed = ', '.join(sorted(allowed))
        super().__init__(self.allowed)


class Unauthorized(HTTPError):
    status = 401
    code = 'unauthorized'
    text = ('A valid token is required in X-Auth-Token, and in '
            'X-Service-Token if it is sent.')


class IdentityUnavailable(HTTPError):
    status = 503
    code = 'identity_unavailable'
    text = ('The service cannot validate tokens at the moment. Try again '
            'later.')


class BodyTooLarge(HTTPError):
    status = 413
    code = 'body_too_large'
    text = 'The request body must not be longer than {} bytes.'


class BodyIncomplete(HTTPError):
    status = 400
    code = 'body_incomplete'
    text = ('The request body is shorter than Content-Length, has malformed '
            'chunks, or was sent too slowly.')


class LengthRequired(HTTPError):
    status = 411
    code = 'length_required'
    text = ('Content-Length: is required; this server does not support '
            'Transfer-Encoding.')


class UnsupportedMediaType(HTTPError):
    status = 415
    code = 'unsupported_media_type'
    text = '{}: {}'


class TooManyRequests(HTTPError):
    status = 429
    code = 'too_many_requests'
    text = 'Too many expensive lists are in progress. Try again later.'
    #: Seconds.
    retry_after = 1


class MalformedRequest(HTTPError):
    status = 400
    code = 'malformed_request'
    text = 'The URL or a header is not valid UTF-8.'


class InvalidHost(HTTPError):
    status = 400
    code = 'invalid_host'
    text = 'Host: must be a host name or IP address, and optionally a port.'


class InvalidVersion(HTTPError):
    status = 400
    code = 'invalid_version'
    text = '{}: must be of the form "{}".'


class UnsupportedVersion(HTTPError):
    """The requested version isn't supported.

    :param requested: the version in the request, as text
    """

    status = 406
    code = 'unsupported_version'
    text = '{}: the version must be between {} and {}.'

    def __init__(self, header, minimum, maximum, requested):
        super().__init__(header, minimum, maximum)
        self.minimum = minimum
        self.maximum = maximum
        self.requested = requested


class Internal(HTTPError):
    text = ('An internal error occurred. Report the request id to your '
            'operator.')


INTERNAL = Internal()

#: Class of an error of the lower layers, which don't depend on HTTP -> status.
_STATUS = {
    exception.InvalidInput: 400,
    exception.MessageNotFound: 404,
    exception.DefinitionNotFound: 404,
    exception.SourceConflict: 409,
    exception.SourceGone: 410,
    exception.Forbidden: 403,
    exception.RateLimited: 429,
    exception.DatabaseUnavailable: 503,
}


def status_of(error):
    """Return the HTTP status of a UsermsgError."""
    if isinstance(error, HTTPError):
        return error.status
    return next((_STATUS[cls] for cls in type(error).__mro__
                 if cls in _STATUS), 500)


def response(error, request_id):
    """Return the response to a request that failed with a UsermsgError.

    keystonemiddleware adds the URL of Keystone to a 401.
    """
    details = entry(error, request_id)
    return with_headers(error, responses.json(
        responses.Response(status=details['status']), content([details])))


def entry(error, request_id):
    """Return a UsermsgError as a dict of the API-SIG guideline's format."""
    status = status_of(error)
    details = {
        'request_id': request_id,
        'code': f'user-message.{error.code}',
        'status': status,
        'title': http.HTTPStatus(status).phrase,
        'detail': str(error),
        'links': [],
    }
    if isinstance(error, UnsupportedVersion):
        details['min_version'] = error.minimum
        details['max_version'] = error.maximum
    return details


def content(entries):
    """Return the content of an error response's body.

    :param entries: dicts of :func:`entry`, at least one
    """
    first = entries[0]
    return {'errors': entries,
            'error': {'code': first['status'], 'title': first['title'],
                      'message': first['detail']}}


def with_headers(error, response):
    """Return the response after adding the headers that its status needs."""
    if isinstance(error, MethodNotAllowed):
        response.headers['Allow'] = error.allowed
    elif isinstance(error, (TooManyRequests, exception.RateLimited)):
        response.headers['Retry-After'] = str(error.retry_after)
    elif response.status_int == 503:
        response.headers['Retry-After'] = str(RETRY_AFTER)
    return response


def to_domain_error(error, environ):
    """Return a UsermsgError for any exception, and log unexpected ones."""
    if isinstance(error, exception.UsermsgError):
        return error
    if isinstance(error, webob_exc.HTTPBadRequest):
        # Pecan raises it for a URL or header that can't be decoded.
        return MalformedRequest()
    if isinstance(error, webob_exc.HTTPNotFound):
        return NotFound()
    LOG.error('[%s] %s %r failed with an unexpected error.',
              environ['openstack.request_id'], environ.get('REQUEST_METHOD'),
              environ.get('PATH_INFO'), exc_info=error)
    return INTERNAL
