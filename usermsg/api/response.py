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


def has_copy(request, tag):
    """Return True if the client has a copy of the response with this ETag.

    :param tag: the ETag of the response, without quotes
    """
    # Not WebOb's conditional_response: it ignores "*", serves ranges, and
    # refuses invalid ranges in plain text.
    copies = request.environ.get('HTTP_IF_NONE_MATCH', '')
    return f'"{tag}"' in copies or copies.strip() == '*'


def set_tag(response, tag, weak=False):
    """Set the ETag of a response, and return the response.

    :param weak: True if responses with the same ETag may differ in bytes
    """
    response.headerlist += (
        ('ETag', f'W/"{tag}"' if weak else f'"{tag}"'),
        ('Cache-Control', 'private, no-cache'))
    return response


def not_modified(response, tag, weak=False):
    """Return the 304 for a client that has a copy; see :func:`set_tag`."""
    response.status = '304 Not Modified'
    response.app_iter = ()
    return set_tag(response, tag, weak)


def cacheable_json(request, response, content, tagged=None):
    """Like :func:`json`, with an ETag; 304 if the client's copy is valid.

    :param tagged: the part of the content that the ETag depends on, all of it
        by default; with a part, the ETag is weak
    """
    json(response, content)
    body = response.body if tagged is None else orjson.dumps(tagged)
    tag = hashlib.sha256(body).hexdigest()[:32]
    return (not_modified if has_copy(request, tag) else set_tag)(
        response, tag, weak=tagged is not None)


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
