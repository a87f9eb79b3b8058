# SPDX-License-Identifier: Apache-2.0
"""Plug-in of OpenStackClient for the user-messages service."""

from keystoneauth1 import exceptions as ksa_exceptions
from openstack import exceptions as sdk_exceptions
from osc_lib import exceptions
from osc_lib import utils

from usermsgclient import service

API_NAME = 'user_message'
API_VERSION_OPTION = 'os_user_message_api_version'
API_VERSIONS = ('3',)
DEFAULT_API_VERSION = '3'


def make_client(instance):
    """Return the service's proxy of a ClientManager's connection.

    :raises osc_lib.exceptions.CommandError: the cloud has no such service
    """
    connection = instance.sdk_connection
    connection.add_service(service.UserMessageService())
    try:
        client = connection.user_message
        # Without the service openstacksdk returns a proxy that raises when
        # it is used, with a text about openstacksdk's configuration.
        client.get_endpoint()
    except (ksa_exceptions.EndpointNotFound,
            sdk_exceptions.NotSupported,
            sdk_exceptions.ServiceDisabledException):
        region = instance.region_name
        scope = f'region {region}' if region else 'any region'
        raise exceptions.CommandError(
            f'This cloud has no {instance.interface} endpoint of a '
            f'{service.SERVICE_TYPE} service in {scope}.') from None
    return client


def build_option_parser(parser):
    """Add the global options of the service."""
    parser.add_argument(
        '--os-user-message-api-version',
        metavar='<user-message-api-version>',
        default=utils.env('OS_USER_MESSAGE_API_VERSION'),
        help=f'User message API version, default={DEFAULT_API_VERSION} '
             '(Env: OS_USER_MESSAGE_API_VERSION)')
    return parser


def check_api_version(version):
    """Return True if an API version is supported; else the shell warns.

    A microversion such as 3.0 is supported if its major version is.
    """
    return version.partition('.')[0] in API_VERSIONS
