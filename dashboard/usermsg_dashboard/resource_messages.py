# SPDX-License-Identifier: Apache-2.0
"""Messages about a resource, for the tab of its page."""

from django.http import HttpResponseBadRequest
from django import shortcuts
from django.urls import reverse
from django.utils.http import urlencode
from django.views import generic

from usermsg_dashboard import client
from usermsg_dashboard import problems
from usermsg_dashboard import rows
from usermsg_dashboard import sessions

_LIMIT = 20
#: Seconds; the page has also requests of its own.
_TIMEOUT = 5.0
_MAX_ID = 255


class ResourceMessagesView(generic.View):
    """Content of the tab, for pages that Horizon's scripts build."""

    def get(self, request):
        sessions.discard_changes(request)
        resource_id = request.GET.get('resource_id', '')
        if not 0 < len(resource_id) <= _MAX_ID:
            return HttpResponseBadRequest()
        return shortcuts.render(request, 'usermsg/_resource_messages.html',
                                read(request, resource_id))


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
