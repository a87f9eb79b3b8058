# SPDX-License-Identifier: Apache-2.0
"""Microversions: ``OpenStack-API-Version: user-message 3.N``."""

import re

import microversion_parse

from usermsg.api import errors

HEADER = 'OpenStack-API-Version'
SERVICE_TYPE = 'user-message'

#: Every supported version, with the changes that it introduced. A new version
#: is a line here, and a comparison with ``request.version`` where the
#: behavior differs.
VERSIONS = {
    (3, 0): 'Initial version: messages and the catalogue.',
}

_VERSION = re.compile(r'([1-9][0-9]{0,30})\.(0|[1-9][0-9]{0,30})')


class Dialect:
    """Format of an API's versions and errors.

    A subclass has ``add_version_headers(request, response)``, which adds the
    headers with the version of a response, and
    ``error_response(error, request_id)``, which returns the response to a
    request that failed with a :class:`usermsg.exception.UsermsgError`.

    :param minimum: the lowest supported version, (major, minor)
    :param maximum: the highest supported version
    :cvar service_type: the word before the version in :data:`HEADER`
    """

    #: The header with the version of a response.
    header = HEADER

    def __init__(self, minimum, maximum):
        self.minimum = minimum
        self.maximum = maximum

    def requested_version_text(self, request):
        """Return the version in a request's header, or None without one."""
        header = request.environ.get('HTTP_OPENSTACK_API_VERSION')
        if not header:
            return None
        return microversion_parse.get_version(
            {HEADER.lower(): header}, self.service_type)

    def default(self, request):
        """Return the version of a request without a version header."""
        return self.minimum

    def format_version(self, version):
        """Return a version, as text, in the format of the header."""
        return f'{self.service_type} {version}'

    def version(self, request):
        """Return the requested version, (major, minor).

        :raises usermsg.api.errors.InvalidVersion: the header is malformed
        :raises usermsg.api.errors.UnsupportedVersion: it is not in the range
            of supported versions
        """
        requested = self.requested_version_text(request)
        if requested is None:
            return self.default(request)
        if requested == 'latest':
            return self.maximum
        version = parse(requested)
        if version is None:
            raise errors.InvalidVersion(
                self.header, self.format_version(text(self.maximum)))
        if not self.minimum <= version <= self.maximum:
            raise errors.UnsupportedVersion(
                self.header, text(self.minimum), text(self.maximum),
                requested)
        return version

    def set_header(self, response, version):
        """Set the version header, and Vary, as responses depend on it."""
        # A single Vary header, because the CORS middleware keeps only one.
        # Not through "headers", which compares each header to all others.
        headers = response.headerlist
        vary = [value for name, value in headers if name == 'Vary']
        response.headerlist = [
            *(header for header in headers if header[0] != 'Vary'),
            (self.header, self.format_version(text(version))),
            ('Vary', ', '.join((self.header, *vary)))]


class _Native(Dialect):

    service_type = SERVICE_TYPE
    error_response = staticmethod(errors.response)

    def add_version_headers(self, request, response):
        try:
            version = self.version(request)
        except errors.HTTPError:
            version = self.minimum
        self.set_header(response, version)


NATIVE = _Native(min(VERSIONS), max(VERSIONS))


def text(version):
    return '{}.{}'.format(*version)


def parse(value):
    """Return a version as (major, minor), or None if it is malformed."""
    match = _VERSION.fullmatch(value)
    return match and (int(match[1]), int(match[2]))
