# SPDX-License-Identifier: Apache-2.0
"""Connection to a service of the region, with a total timeout.

A plain adapter of keystoneauth: openstacksdk's HTTP errors all count as
missing authorization in Horizon, so that a page about a deleted message, or of
a service that is unavailable, would be the page "You are not authorized".
"""

import io
import re
import time
import urllib.parse

from django.conf import settings
from horizon import exceptions as horizon_exceptions
from keystoneauth1 import adapter
from keystoneauth1 import exceptions
from keystoneauth1 import session
from keystoneauth1 import token_endpoint
from openstack_dashboard.api import base
import urllib3

#: Seconds for each address of a host.
_CONNECT_TIMEOUT = 2.0

#: Seconds that a request needs at least.
_MIN_TIMEOUT = 0.5

#: Bytes of a response. A thousand permitted messages take less than one
#: million.
_MAX_SIZE = 16 * 2 ** 20

_VERSION = re.compile(r'/v[0-9.]+(/|$)')


class InvalidResponse(exceptions.ClientException):
    message = 'The response is not one of the API.'


class TimeUsedUp(exceptions.RequestTimeout):
    message = 'The time for all requests together is used up.'


class Connection:
    """Requests with the token and the region of a Django request.

    :param service_types: types of the service, of which the first one in the
        catalogue counts
    :param timeout: seconds for all requests together
    :param version: version in the path, which is appended to endpoints that
        have none
    :param headers: headers of each request
    :raises horizon.exceptions.ServiceCatalogException: the region has no such
        service
    """

    def __init__(self, request, service_types, timeout, version='',
                 headers=None):
        self._deadline = time.monotonic() + timeout
        url = find_endpoint(request, service_types).rstrip('/')
        if version and not _VERSION.search(urllib.parse.urlsplit(url).path):
            url += f'/{version}'
        self._adapter = adapter.Adapter(
            session.Session(
                token_endpoint.Token(url, request.user.token.id),
                verify=not settings.OPENSTACK_SSL_NO_VERIFY and (
                    settings.OPENSTACK_SSL_CACERT or True)),
            endpoint_override=url,
            additional_headers={'Accept': 'application/json',
                                **(headers or {})})

    def send(self, method, path, redirect=False, **more):
        """Send a request, and return the response.

        :param more: arguments of ``requests``, such as ``params``
        :raises horizon.exceptions.NotAuthenticated: the token is no longer
            valid; Horizon's middleware shows the login page
        :raises TimeUsedUp: other requests have taken the time
        :raises keystoneauth1.exceptions.ClientException: any other error
        """
        remaining = self._deadline - time.monotonic()
        if remaining < _MIN_TIMEOUT:
            raise TimeUsedUp()
        connect_timeout = min(_CONNECT_TIMEOUT, remaining / 2)
        response = self._adapter.request(
            path, method, redirect=redirect, raise_exc=False, stream=True,
            timeout=(connect_timeout, remaining - connect_timeout), **more)
        response.raw = io.BytesIO(self._read(response))
        if response.status_code == 401:
            raise horizon_exceptions.NotAuthenticated()
        if response.status_code >= 400:
            raise exceptions.from_response(response, method, path)
        if response.status_code >= 300:
            raise InvalidResponse()
        return response

    def _read(self, response):
        """Return the body of a response.

        The timeout for reading begins again with each byte.
        """
        body = bytearray()
        with response:
            try:
                while part := response.raw.read1(2 ** 16, decode_content=True):
                    body += part
                    if len(body) > _MAX_SIZE:
                        raise InvalidResponse()
                    if time.monotonic() > self._deadline:
                        raise exceptions.RequestTimeout()
            except urllib3.exceptions.TimeoutError as error:
                raise exceptions.RequestTimeout() from error
            except urllib3.exceptions.HTTPError as error:
                raise exceptions.ConnectionError() from error
        return body


def find_endpoint(request, service_types):
    """Return the URL of a service in the region of a Django request.

    :raises horizon.exceptions.ServiceCatalogException: the region has no such
        service
    """
    for service_type in service_types[:-1]:
        try:
            return base.url_for(request, service_type)
        except horizon_exceptions.ServiceCatalogException:
            continue
    return base.url_for(request, service_types[-1])
