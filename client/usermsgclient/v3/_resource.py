# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
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
