# SPDX-License-Identifier: Apache-2.0
"""Microversions: ``OpenStack-API-Version: user-message 3.N``."""

import re

import microversion_parse

from usermsg.api import errors

HEADER = 'OpenStack-API-Version'
SERVICE_TYPE = 'user-message'

#: Every version that there is, with what it brought. A new one is a line
#: here, and a comparison with ``request.version`` where it makes a
#: difference.
VERSIONS = {
    (3, 0): 'The first: messages and what they may say.',
}

_VERSION = re.compile(r'([1-9][0-9]{0,30})\.(0|[1-9][0-9]{0,30})')


class Dialect:
    """How an API states its versions and errors.

    A subclass has ``state(request, response)``, which adds the headers that
    say which version a response is of, and ``fault(error, request_id)``, the
    response to a request that ended in an error of ours.

    :param minimum: the lowest version that there is, (major, minor)
    :param maximum: the highest
    :cvar service_type: in :data:`HEADER`, before the version
    """

    #: The header of a response's version.
    header = HEADER

    def __init__(self, minimum, maximum):
        self.minimum = minimum
        self.maximum = maximum

    def stated(self, request):
        """The version that a request names, as text; None if it doesn't."""
        return microversion_parse.get_version(
            {HEADER.lower(): request.headers.get(HEADER, '')},
            self.service_type)

    def default(self, request):
        """The version of a request that names none."""
        return self.minimum

    def form(self, version):
        """How a version stands in the header."""
        return f'{self.service_type} {version}'

    def version(self, request):
        """The version that a request asks for, (major, minor).

        :raises usermsg.api.errors.InvalidVersion: it can't be understood
        :raises usermsg.api.errors.UnsupportedVersion: there is none such
        """
        stated = self.stated(request)
        if stated is None:
            return self.default(request)
        if stated == 'latest':
            return self.maximum
        version = parse(stated)
        if version is None:
            raise errors.InvalidVersion(
                self.header, self.form(text(self.maximum)))
        if not self.minimum <= version <= self.maximum:
            raise errors.UnsupportedVersion(
                self.header, text(self.minimum), text(self.maximum), stated)
        return version

    def set_header(self, response, version):
        """State a version, and that responses depend on it."""
        headers = response.headers
        headers[self.header] = self.form(text(version))
        # One header, as CORS middleware keeps only one.
        headers['Vary'] = ', '.join(filter(None, (
            self.header, headers.get('Vary'))))


class _Native(Dialect):

    service_type = SERVICE_TYPE
    fault = staticmethod(errors.response)

    def state(self, request, response):
        try:
            version = self.version(request)
        except errors.HTTPError:
            version = self.minimum
        self.set_header(response, version)


NATIVE = _Native(min(VERSIONS), max(VERSIONS))


def text(version):
    return '{}.{}'.format(*version)


def parse(stated):
    """A version as (major, minor); None if it isn't one."""
    match = _VERSION.fullmatch(stated)
    return match and (int(match[1]), int(match[2]))
