# SPDX-License-Identifier: Apache-2.0
"""Description of the user-messages service for openstacksdk."""

from openstack import service_description

from usermsgclient.v3 import _proxy

#: Type of the service in the catalogue of a cloud.
SERVICE_TYPE = 'user-message'


class UserMessageService(service_description.ServiceDescription):
    """Service description that adds the service to a connection::

        connection = openstack.connect(cloud='devstack')
        connection.add_service(service.UserMessageService())
        connection.user_message.messages()

    ``openstack.connection.Connection(extra_services=...)`` accepts it too.
    """

    def __init__(self):
        super().__init__(SERVICE_TYPE,
                         supported_versions={'3': _proxy.Proxy})
