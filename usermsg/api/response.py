# SPDX-License-Identifier: Apache-2.0
"""The body of an answer that is no error."""

import orjson


def json(response, content):
    response.content_type = 'application/json'
    response.charset = None
    response.body = orjson.dumps(content)
    return response


def in_words(request, response, content):
    """An answer with texts in the language that the reader prefers."""
    response.headers['Content-Language'] = request.language
    response.headers['Vary'] = 'Accept-Language'
    return json(response, content)
