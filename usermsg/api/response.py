# SPDX-License-Identifier: Apache-2.0
"""The body of an answer that is no error."""

import orjson


def json(response, content, dumps=orjson.dumps):
    """:param dumps: returns the content as bytes"""
    response.content_type = 'application/json'
    response.charset = None
    response.body = dumps(content)
    return response


def localized_json(request, response, content, dumps=orjson.dumps):
    """An answer with texts in the language that the reader prefers."""
    response.headers['Content-Language'] = request.language
    response.headers['Vary'] = 'Accept-Language'
    return json(response, content, dumps)
