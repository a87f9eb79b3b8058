# SPDX-License-Identifier: Apache-2.0
"""Errors as answers: one table, and one form for all of them.

The body serves both habits among clients: ``errors`` is that of the API-SIG
guideline, ``error`` that of older services.
"""

import http

from oslo_log import log
import webob
from webob import exc as webob_exc

from usermsg.api import response as responses
from usermsg import exception

LOG = log.getLogger(__name__)

#: In seconds; for when the database or Keystone can't be reached.
RETRY_AFTER = 5


class HTTPError(exception.UsermsgError):
    """Wrong about the request itself, before any of our objects is asked.

    A subclass has its status.
    """

    status = 500


class NotFound(HTTPError):
    status = 404
    code = 'not_found'
    text = 'There is nothing at this address.'


class MethodNotAllowed(HTTPError):
    status = 405
    code = 'method_not_allowed'
    text = 'This address allows {}.'

    def __init__(self, allowed):
        self.allowed = ', '.join(sorted(allowed))
        super().__init__(self.allowed)


class Unauthorized(HTTPError):
    status = 401
    code = 'unauthorized'
    text = 'The request needs a valid token.'


class IdentityUnavailable(HTTPError):
    status = 503
    code = 'identity_unavailable'
    text = 'The service cannot check tokens at the moment. Try again later.'


class BodyTooLarge(HTTPError):
    status = 413
    code = 'body_too_large'
    text = 'The body must not be longer than {} bytes.'


class BodyIncomplete(HTTPError):
    status = 400
    code = 'body_incomplete'
    text = 'The body ended before its end, or came too slowly.'


class LengthRequired(HTTPError):
    status = 411
    code = 'length_required'
    text = 'Content-Length: is needed here.'


class UnsupportedMediaType(HTTPError):
    status = 415
    code = 'unsupported_media_type'
    text = '{}: {}'


class MalformedRequest(HTTPError):
    status = 400
    code = 'malformed_request'
    text = 'The address or a header is not valid UTF-8.'


class InvalidHost(HTTPError):
    status = 400
    code = 'invalid_host'
    text = 'Host: must be the name or IP address of a host.'


class InvalidVersion(HTTPError):
    status = 400
    code = 'invalid_version'
    text = '{}: must be of the form "{}".'


class UnsupportedVersion(HTTPError):
    """There is no such version.

    :param asked: the version that was asked for, as text
    """

    status = 406
    code = 'unsupported_version'
    text = '{}: must be between {} and {}.'

    def __init__(self, header, minimum, maximum, asked):
        super().__init__(header, minimum, maximum)
        self.minimum = minimum
        self.maximum = maximum
        self.asked = asked


class Internal(HTTPError):
    text = 'The service failed. Give your operator the request id.'


INTERNAL = Internal()

#: Of what the layers below raise, which know nothing of HTTP.
_STATUS = {
    exception.InvalidInput: 400,
    exception.MessageNotFound: 404,
    exception.DefinitionNotFound: 404,
    exception.SourceConflict: 409,
    exception.SourceGone: 410,
    exception.Forbidden: 403,
    exception.DatabaseUnavailable: 503,
}


def status_of(error):
    """The status of the answer to an error of ours."""
    if isinstance(error, HTTPError):
        return error.status
    return next((_STATUS[cls] for cls in type(error).__mro__
                 if cls in _STATUS), 500)


def response(error, request_id):
    """The answer to a request that ended in an error of ours.

    keystonemiddleware adds to a 401 where a token can be had.
    """
    described = entry(error, request_id)
    return with_headers(error, responses.json(
        webob.Response(status=described['status']), content([described])))


def entry(error, request_id):
    """An error of ours as the API-SIG guideline describes it: a dict."""
    status = status_of(error)
    described = {
        'request_id': request_id,
        'code': f'user-message.{error.code}',
        'status': status,
        'title': http.HTTPStatus(status).phrase,
        'detail': str(error),
        'links': [],
    }
    if isinstance(error, UnsupportedVersion):
        described['min_version'] = error.minimum
        described['max_version'] = error.maximum
    return described


def content(entries):
    """The body of a response that says what failed.

    :param entries: dicts of :func:`entry`, at least one
    """
    first = entries[0]
    return {'errors': entries,
            'error': {'code': first['status'], 'title': first['title'],
                      'message': first['detail']}}


def with_headers(error, answer):
    """The answer to an error, with the headers that its status asks for."""
    if isinstance(error, MethodNotAllowed):
        answer.headers['Allow'] = error.allowed
    elif answer.status_int == 503:
        answer.headers['Retry-After'] = str(RETRY_AFTER)
    return answer


def ours(error, environ):
    """The error of ours that any exception amounts to; others are logged."""
    if isinstance(error, exception.UsermsgError):
        return error
    if isinstance(error, webob_exc.HTTPBadRequest):
        # Pecan's, for what can't be decoded.
        return MalformedRequest()
    if isinstance(error, webob_exc.HTTPNotFound):
        return NotFound()
    LOG.error('[%s] %s %r failed.', environ['openstack.request_id'],
              environ.get('REQUEST_METHOD'), environ.get('PATH_INFO'),
              exc_info=error)
    return INTERNAL
