# SPDX-License-Identifier: Apache-2.0
"""Messages about a resource, for the tab of its page."""

from django.http import HttpResponseBadRequest
from django import shortcuts
from django.urls import reverse
from django.utils.http import urlencode
from django.utils import timezone
from django.views import generic
from horizon.utils import functions as utils

from usermsg_dashboard import client
from usermsg_dashboard import problems
from usermsg_dashboard import rows
from usermsg_dashboard import sessions

_LIMIT = 20
#: Seconds; the page has also requests of its own.
_TIMEOUT = 5.0
_MAX_ID = 255


class ResourceMessagesView(generic.View):
    """Content of the tab, for pages that Horizon's scripts build.

    :param dashboard: as of :func:`read`
    """

    dashboard = 'project'

    def get(self, request):
        sessions.discard_changes(request)
        resource_id = request.GET.get('resource_id', '')
        if not 0 < len(resource_id) <= _MAX_ID:
            return HttpResponseBadRequest()
        context = read(request, resource_id, self.dashboard)
        with activate_time_zone(request):
            return shortcuts.render(
                request, 'usermsg/_resource_messages.html', context)


def activate_time_zone(request):
    """Return a context in which times are in the time zone of the user.

    Horizon activates no time zone in requests of scripts, so that the one of
    the previous request would remain.
    """
    return timezone.override(utils.get_timezone(request))


def read(request, resource_id, dashboard='project'):
    """Return the context of the template ``_resource_messages.html``.

    :param dashboard: ``project``, or ``admin`` for the messages of all
        projects
    :raises horizon.exceptions.NotAuthenticated: the token is no longer valid
    """
    context = {'dashboard': dashboard}
    query = {'all_projects': 'true'} if dashboard == 'admin' else {}
    try:
        page = client.MessageClient(request, _TIMEOUT).list(
            resource_uuid=resource_id, limit=_LIMIT, **query)
    except client.ERRORS as error:
        return {**context, 'problem': problems.describe(error)}
    if page.has_more:
        url = reverse(f'horizon:{dashboard}:usermsg:index')
        context['all_url'] = f'{url}?{urlencode({"resource_id": resource_id})}'
    return {**context, 'rows': rows.build(request, page.messages, dashboard)}
