# SPDX-License-Identifier: Apache-2.0
"""Options of the libraries of the HTTP service, with usermsg's defaults.

Separate from the options of usermsg, because services that record messages
through the library need neither the options nor the libraries.
"""

from oslo_middleware import cors
from oslo_middleware import http_proxy_to_wsgi

#: Methods and headers that a web page needs to use this API.
_CORS = {
    'allow_methods': ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
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
    """Show usermsg's defaults in a sample configuration.

    This changes the libraries for the whole process, so only the generator
    of samples calls it.
    """
    # Imported here, because keystonemiddleware takes long to import.
    from usermsg.conf import authtoken
    authtoken.set_defaults()
    cors.set_defaults(**_CORS)
