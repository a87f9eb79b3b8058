# SPDX-License-Identifier: Apache-2.0
"""Explanations of errors for users, without the errors' own texts."""

import logging

from django.utils.translation import gettext_lazy as _
from horizon import exceptions as horizon_exceptions
from keystoneauth1 import exceptions

LOG = logging.getLogger(__name__)

# The first class that matches counts.
_TEXTS = (
    (horizon_exceptions.ServiceCatalogException,
     _('There is no user messages service in this region.')),
    (exceptions.NotFound, _('This message no longer exists.')),
    (exceptions.Forbidden, _('Your roles do not permit this.')),
    (exceptions.BadRequest,
     _('The user messages service does not accept these values.')),
    (exceptions.TooManyRequests,
     _('The user messages service is handling too many requests. Wait a '
       'moment, or add a filter by resource or time.')),
    ((exceptions.ConnectTimeout, exceptions.RequestTimeout,
      exceptions.GatewayTimeout),
     _('The user messages service did not respond in time. Try again '
       'later.')),
    ((exceptions.ConnectionError, exceptions.HttpServerError),
     _('The user messages service is temporarily unavailable. Try again '
       'later.')),
)
_OTHER = _('The user messages service did not respond as expected. If this '
           'persists, contact your cloud operator.')


def describe(error):
    """Return a text for an error, one of the client's ``ERRORS``, and log it.

    Errors that users cause themselves are not logged, nor that a region has
    no such service.
    """
    if not isinstance(error, (exceptions.NotFound, exceptions.Forbidden,
                              exceptions.BadRequest,
                              horizon_exceptions.ServiceCatalogException)):
        LOG.warning('Request to the user messages service failed: %s', error)
    for classes, text in _TEXTS:
        if isinstance(error, classes):
            return text
    return _OTHER
