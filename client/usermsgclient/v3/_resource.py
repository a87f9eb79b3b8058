# SPDX-License-Identifier: Apache-2.0
"""Base class of the resources, which follows the service's next links."""

import urllib.parse

from openstack import resource


class Resource(resource.Resource):

    _max_microversion = '3.0'

    @classmethod
    def _get_next_link(cls, uri, response, data, marker, limit,
                       total_yielded):
        """Return the next page's (URL, query), or (None, {}) at the end.

        Only the query of the service's next link is used: the link's host
        may be meant for other clients than this one, and the token must be
        sent to no other host than the endpoint. Without a next link the list
        ends, whereas openstacksdk would send one more request if there was a
        limit.
        """
        for link in data.get(f'{cls.resources_key}_links', ()):
            if link['rel'] == 'next':
                query = urllib.parse.urlsplit(link['href']).query
                return uri, urllib.parse.parse_qs(query)
        return None, {}
