# SPDX-License-Identifier: Apache-2.0
"""Keys of the client's identity in the WSGI environment of a request."""

#: Present if the request's token couldn't be validated.
UNAVAILABLE = 'usermsg.identity_unavailable'

_SUBJECT = ('PROJECT_ID', 'PROJECT_NAME', 'PROJECT_DOMAIN_ID',
            'PROJECT_DOMAIN_NAME', 'USER_ID', 'USER_NAME', 'USER_DOMAIN_ID',
            'USER_DOMAIN_NAME', 'DOMAIN_ID', 'DOMAIN_NAME', 'ROLES')

#: Keys in which keystonemiddleware describes the client's identity; only
#: keystonemiddleware may set them.
HEADERS = (*(f'HTTP_X_{name}' for name in _SUBJECT),
           *(f'HTTP_X_SERVICE_{name}' for name in _SUBJECT),
           'HTTP_X_IDENTITY_STATUS', 'HTTP_X_SERVICE_IDENTITY_STATUS',
           'HTTP_X_IS_ADMIN_PROJECT', 'HTTP_OPENSTACK_SYSTEM_SCOPE',
           'HTTP_X_SERVICE_CATALOG', 'HTTP_X_ROLE', 'HTTP_X_USER',
           'HTTP_X_TENANT_ID', 'HTTP_X_TENANT_NAME', 'HTTP_X_TENANT')
