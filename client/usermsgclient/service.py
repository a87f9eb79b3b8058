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
"""The user-messages service, for openstacksdk."""

from openstack import service_description

from usermsgclient.v3 import _proxy

#: What the service is called in the catalogue of a cloud.
SERVICE_TYPE = 'user-message'


class UserMessageService(service_description.ServiceDescription):
    """What a connection has to know of it::

        connection = openstack.connect(cloud='devstack')
        connection.add_service(service.UserMessageService())
        connection.user_message.messages()

    Connections that are made with ``extra_services`` take it too.
    """

    def __init__(self):
        super().__init__(SERVICE_TYPE,
                         supported_versions={'3': _proxy.Proxy})
