# SPDX-License-Identifier: Apache-2.0
"""WSGI application for metrics and health, which clients only read.

The application of prometheus_client rejects HEAD, which load balancers and
monitoring send, and serves metrics on every path.
"""

import webob

_ALLOW = 'GET, HEAD, OPTIONS'


class Pages:
    """WSGI application that serves pages to ``GET``, ``HEAD``, ``OPTIONS``.

    :param pages: path -> WSGI application that responds to ``GET``
    """

    def __init__(self, pages):
        self._pages = dict(pages)

    def __call__(self, environ, start_response):
        response = self._response(environ)
        return response(environ, start_response)

    def _response(self, environ):
        page = self._pages.get(environ.get('PATH_INFO'))
        if page is None:
            return webob.Response(
                status=404, content_type='text/plain',
                text=f'Not found. Paths: {", ".join(self._pages)}\n')
        method = environ['REQUEST_METHOD']
        if method == 'OPTIONS':
            # wsgiref adds Content-Length, which isn't permitted with 204, to
            # a list but not to an iterator.
            return webob.Response(status=204, allow=_ALLOW,
                                  app_iter=iter([b'']))
        if method not in ('GET', 'HEAD'):
            return webob.Response(
                status=405, allow=_ALLOW, content_type='text/plain',
                text=f'Method not allowed. Methods: {_ALLOW}\n')
        response = webob.Request(
            {**environ, 'REQUEST_METHOD': 'GET'}).get_response(page)
        # A response to HEAD has the Content-Length of GET; WebOb sends no
        # body.
        response.content_length = len(response.body)
        return response
