# SPDX-License-Identifier: Apache-2.0
"""Security headers in every response, also in those of other middleware."""

#: No response is a web page: a browser must neither render one nor guess its
#: type.
_SECURITY = (
    ('X-Content-Type-Options', 'nosniff'),
    ('X-Frame-Options', 'DENY'),
    ('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"),
    ('Referrer-Policy', 'no-referrer'),
)


class SecurityHeaders:
    """WSGI middleware that adds the headers."""

    def __init__(self, app):
        self._app = app

    def __call__(self, environ, start_response):
        def start(status, headers, exc_info=None):
            headers = [*headers, *_SECURITY]
            if 'cache-control' not in [name.lower() for name, _ in headers]:
                headers.append(('Cache-Control', 'no-store'))
            return start_response(status, headers, exc_info)

        return self._app(environ, start)
