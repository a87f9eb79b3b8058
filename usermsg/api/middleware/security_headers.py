# SPDX-License-Identifier: Apache-2.0
"""Headers that every answer has, whatever layer made it."""

#: Nothing here is a page: a browser that is led here shows and guesses
#: nothing.
_SECURITY = (
    ('X-Content-Type-Options', 'nosniff'),
    ('X-Frame-Options', 'DENY'),
    ('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"),
    ('Referrer-Policy', 'no-referrer'),
)


class Headers:
    """WSGI middleware."""

    def __init__(self, app):
        self._app = app

    def __call__(self, environ, start_response):
        def start(status, headers, exc_info=None):
            headers = [*headers, *_SECURITY]
            if not any(name.lower() == 'cache-control'
                       for name, _value in headers):
                headers.append(('Cache-Control', 'no-store'))
            return start_response(status, headers, exc_info)

        return self._app(environ, start)
