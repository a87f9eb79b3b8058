# SPDX-License-Identifier: Apache-2.0
"""What our resources do otherwise than those of openstacksdk."""

import urllib.parse

from openstack import resource


class Resource(resource.Resource):

    _max_microversion = '3.0'

    @classmethod
    def _get_next_link(cls, uri, response, data, marker, limit,
                       total_yielded):
        """The next page: (address, query), or (None, {}) if there is none.

        Of the service's link only the query counts: it may have been made
        for other clients than this one, and the token goes nowhere but to
        the endpoint. Where there is no link the list ends, whereas
        openstacksdk would ask once more when there was a limit.
        """
        for link in data.get(f'{cls.resources_key}_links', ()):
            if link['rel'] == 'next':
                query = urllib.parse.urlsplit(link['href']).query
                return uri, urllib.parse.parse_qs(query)
        return None, {}
