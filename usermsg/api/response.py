# SPDX-License-Identifier: Apache-2.0
"""Bodies of successful responses, and their validators."""

import hashlib

import orjson
import pecan


class Response(pecan.Response):
    """Response with JSON, as all that a handler gets.

    Headers that no layer has added before are appended to ``headerlist``:
    ``headers`` compares each new one to all others, in lower case.
    """

    default_content_type = 'application/json'
    default_charset = None


def json(response, content, has_offsets=True):
    """Set the body of a :class:`Response`, and return the response.

    :param content: of JSON types and datetimes
    :param has_offsets: True to write datetimes without a zone as UTC
    """
    response.body = orjson.dumps(
        content, option=orjson.OPT_NAIVE_UTC if has_offsets else None)
    return response


def has_valid_copy(request, response, tag, weak=False):
    """Return True if the client has a copy of the response with this ETag.

    Then the response becomes a 304 without a body.

    :param tag: the ETag of the response, without quotes
    :param weak: True if responses with the same ETag may differ in bytes
    """
    response.headers['ETag'] = f'W/"{tag}"' if weak else f'"{tag}"'
    response.headers['Cache-Control'] = 'private, no-cache'
    # Not WebOb's conditional_response: it ignores "*", serves ranges, and
    # refuses invalid ranges in plain text.
    copies = request.environ.get('HTTP_IF_NONE_MATCH', '')
    if f'"{tag}"' not in copies and copies.strip() != '*':
        return False
    response.status = 304
    response.content_type = None
    response.app_iter = ()
    return True


def cacheable_json(request, response, content, tagged=None):
    """Like :func:`json`, with an ETag; 304 if the client's copy is valid.

    :param tagged: the part of the content that the ETag depends on, all of it
        by default; with a part, the ETag is weak
    """
    json(response, content)
    body = response.body if tagged is None else orjson.dumps(tagged)
    has_valid_copy(request, response, hashlib.sha256(body).hexdigest()[:32],
                   weak=tagged is not None)
    return response


def localized_json(request, response, content, has_offsets=True):
    """Like :func:`json`, with texts in the language of the request."""
    set_language(request, response)
    return json(response, content, has_offsets)


def set_language(request, response, vary='Accept-Language'):
    """Set the headers of a response with texts in the request's language.

    :param vary: names of the headers that the response depends on
    """
    response.headerlist += (('Content-Language', request.language),
                            ('Vary', vary))
