# SPDX-License-Identifier: Apache-2.0
"""What a proxy in front says of the request that it was sent."""

import re

from oslo_middleware import http_proxy_to_wsgi
import webob

#: What can stand in a Host header: a name or an address, and a port.
HOST = re.compile(
    r'(?=.{1,262}$)([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|'
    r'\[[0-9A-Fa-f:.]{2,45}])'
    r'(:([0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|'
    r'6553[0-5]))?', re.ASCII)

#: What oslo.middleware changes in the environment, and what can stand there.
#: It takes whatever it is given, and links would lead there.
_POSSIBLE = {
    'wsgi.url_scheme': re.compile('https?'),
    'HTTP_HOST': HOST,
    'REMOTE_ADDR': re.compile(r'["\[\]0-9A-Fa-f:.]{1,60}'),
    'SCRIPT_NAME': re.compile(r'(/[A-Za-z0-9._~-]{1,100}){0,10}/?'),
}


class Proxy(http_proxy_to_wsgi.HTTPProxyToWSGI):
    """Follows X-Forwarded-* and Forwarded, but for values that can't be."""

    def __call__(self, environ, start_response):
        environ.setdefault('SCRIPT_NAME', '')
        before = {name: environ.get(name) for name in _POSSIBLE}
        self.process_request(webob.Request(environ))
        for name, possible in _POSSIBLE.items():
            if (environ.get(name) != before[name] and
                    not possible.fullmatch(environ[name])):
                if before[name] is None:
                    del environ[name]
                else:
                    environ[name] = before[name]
        # Not by the class it derives from, which would make the answer anew.
        return self.application(environ, start_response)
