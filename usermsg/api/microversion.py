# SPDX-License-Identifier: Apache-2.0
"""Microversions: ``OpenStack-API-Version: user-message 3.N``."""

import re

from usermsg.api import errors

HEADER = 'OpenStack-API-Version'
SERVICE_TYPE = 'user-message'

#: Every version that there is, with what it brought. A new one is a line
#: here, and a comparison with ``request.version`` where it makes a
#: difference.
VERSIONS = {
    (3, 0): 'The first: messages and what they may say.',
}

MINIMUM = min(VERSIONS)
MAXIMUM = max(VERSIONS)

_VERSION = re.compile(r'(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})')


def text(version):
    return '{}.{}'.format(*version)


def of(request):
    """The version that a request asks for; the minimum if it doesn't say.

    :raises usermsg.api.errors.InvalidVersion: it can't be understood
    :raises usermsg.api.errors.UnsupportedVersion: it isn't one of ours
    """
    # A proxy may have joined several headers, each for another service.
    for value in request.headers.get(HEADER, '').split(','):
        service, _, wanted = value.strip().partition(' ')
        if service.lower() != SERVICE_TYPE:
            continue
        wanted = wanted.strip()
        if wanted == 'latest':
            return MAXIMUM
        found = _VERSION.fullmatch(wanted)
        if not found:
            raise errors.InvalidVersion(f'{SERVICE_TYPE} {text(MAXIMUM)}')
        version = int(found[1]), int(found[2])
        if not MINIMUM <= version <= MAXIMUM:
            raise errors.UnsupportedVersion(
                text(MINIMUM), text(MAXIMUM), wanted)
        return version
    return MINIMUM


def state(request, response):
    """Say in an answer's headers which version it is of, even of an error."""
    try:
        version = of(request)
    except errors.HTTPError:
        version = MINIMUM
    headers = response.headers
    headers[HEADER] = f'{SERVICE_TYPE} {text(version)}'
    # One header, as CORS middleware keeps only one.
    headers['Vary'] = ', '.join(filter(None, (headers.get('Vary'), HEADER)))
