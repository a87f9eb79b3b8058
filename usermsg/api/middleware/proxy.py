# SPDX-License-Identifier: Apache-2.0
"""Request headers that a reverse proxy adds, validated before use."""

import re

from oslo_middleware import http_proxy_to_wsgi
import webob

#: Valid value of a Host header: a host name or IP address, and a port.
HOST = re.compile(
    r'(?=.{1,262}$)([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|'
    r'\[[0-9A-Fa-f:.]{2,45}])'
    r'(:([0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|'
    r'6553[0-5]))?', re.ASCII)

#: Key of the environment that oslo.middleware changes -> its valid values.
#: oslo.middleware doesn't validate them, and links would contain them.
_VALID = {
    'wsgi.url_scheme': re.compile('https?'),
    'HTTP_HOST': HOST,
    'REMOTE_ADDR': re.compile(r'["\[\]0-9A-Fa-f:.]{1,60}'),
    'SCRIPT_NAME': re.compile(r'(/[A-Za-z0-9._~-]{1,100}){0,10}/?'),
}


class Proxy(http_proxy_to_wsgi.HTTPProxyToWSGI):
    """Middleware that applies valid values of X-Forwarded-* and Forwarded."""

    def __call__(self, environ, start_response):
        environ.setdefault('SCRIPT_NAME', '')
        before = {name: environ.get(name) for name in _VALID}
        self.process_request(webob.Request(environ))
        for name, valid in _VALID.items():
            if (environ.get(name) != before[name] and
                    not valid.fullmatch(environ[name])):
                if before[name] is None:
                    del environ[name]
                else:
                    environ[name] = before[name]
        # Not through the base class, which would build a second response.
        return self.application(environ, start_response)
