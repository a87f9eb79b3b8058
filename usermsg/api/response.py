# SPDX-License-Identifier: Apache-2.0
"""Bodies of successful responses."""

import orjson


def json(response, content, dumps=orjson.dumps):
    """Set the body of a response, and return the response.

    :param dumps: function that serializes the content to bytes
    """
    response.content_type = 'application/json'
    response.charset = None
    response.body = dumps(content)
    return response


def localized_json(request, response, content, dumps=orjson.dumps):
    """Like :func:`json`, with texts in the language of the request."""
    response.headers['Content-Language'] = request.language
    response.headers['Vary'] = 'Accept-Language'
    return json(response, content, dumps)
