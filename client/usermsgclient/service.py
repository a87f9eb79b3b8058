# SPDX-License-Identifier: Apache-2.0
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
