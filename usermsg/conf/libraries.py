# SPDX-License-Identifier: Apache-2.0
"""Options of the libraries of the HTTP service, and our defaults for them.

Apart from our own, as services that record need neither.
"""

from oslo_middleware import cors
from oslo_middleware import http_proxy_to_wsgi

#: What a page in a browser needs to use this API.
_CORS = {
    'allow_methods': ['GET', 'HEAD', 'POST', 'DELETE'],
    'allow_headers': [
        'Accept-Language', 'Content-Type', 'If-None-Match',
        'OpenStack-API-Version', 'X-Auth-Token', 'X-OpenStack-Request-ID'],
    'expose_headers': [
        'Content-Language', 'ETag', 'Location', 'OpenStack-API-Version',
        'Retry-After', 'WWW-Authenticate', 'X-OpenStack-Request-ID'],
}


def register_opts(conf):
    conf.register_opts(cors.OPTS, group='cors')
    conf.register_opts(http_proxy_to_wsgi.OPTS, group='oslo_middleware')
    for name, value in _CORS.items():
        conf.set_default(name, value, group='cors')


def set_defaults():
    """Show our defaults in a sample configuration.

    It changes the libraries for the whole process: only the generator of
    samples calls it.
    """
    # Here, because they take long to import.
    from usermsg.conf import authtoken
    authtoken.set_defaults()
    cors.set_defaults(**_CORS)
