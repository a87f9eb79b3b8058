# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""Headers that every answer has, whatever layer made it."""

#: Nothing here is a page: a browser that is led here shows and guesses
#: nothing.
_SECURITY = (
    ('X-Content-Type-Options', 'nosniff'),
    ('X-Frame-Options', 'DENY'),
    ('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"),
    ('Referrer-Policy', 'no-referrer'),
)


def complete(headers):
    """The headers of an answer, a list of pairs, and those that it lacks."""
    if any(name.lower() == 'cache-control' for name, _value in headers):
        return [*headers, *_SECURITY]
    return [*headers, *_SECURITY, ('Cache-Control', 'no-store')]


class Headers:
    """WSGI middleware."""

    def __init__(self, app):
        self._app = app

    def __call__(self, environ, start_response):
        def start(status, headers, exc_info=None):
            return start_response(status, complete(headers), exc_info)

        return self._app(environ, start)
