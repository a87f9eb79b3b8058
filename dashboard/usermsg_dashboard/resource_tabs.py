# SPDX-License-Identifier: Apache-2.0
"""Tabs Messages on the pages of resources."""

from django.contrib.auth.views import redirect_to_login
from django.utils.translation import gettext_lazy as _
from horizon import exceptions
from horizon import tabs
from horizon.utils import http
from openstack_dashboard import policy

from usermsg_dashboard import navigation
from usermsg_dashboard import options
from usermsg_dashboard import resource_messages
from usermsg_dashboard import rules
from usermsg_dashboard import sessions


class _MessagesTab(tabs.Tab):
    """Messages about the resource of a page.

    ``resource`` is the name of the page's argument for the tabs.
    """

    name = _('Messages')
    slug = 'usermsg'
    template_name = 'usermsg/_resource_messages.html'
    preload = False
    resource = None

    def allowed(self, request):
        return self._is_allowed(request)

    @classmethod
    def _is_allowed(cls, request):
        dashboard = _get_dashboard(request)
        needed = (rules.READ_ALL_PROJECTS if dashboard == 'admin' else
                  rules.READ)
        # The messages are linked to their pages.
        return (navigation.has_panel(dashboard) and
                navigation.has_service({'request': request}) and
                policy.check(needed, request))

    def render(self):
        with resource_messages.activate_time_zone(self.request):
            return super().render()

    def get_context_data(self, request):
        if http.is_ajax(request):
            sessions.discard_changes(request)
        try:
            return resource_messages.read(
                request, self.tab_group.kwargs[self.resource].id,
                _get_dashboard(request))
        except exceptions.NotAuthenticated:
            # Horizon makes "You are not authorized" of that in tabs.
            login = redirect_to_login(request.get_full_path())
            raise exceptions.Http302(login.url)


class _ReplacingTab(_MessagesTab):
    """Tab in the place of Horizon's own tab Messages, with the same slug.

    Horizon's own has less to show, and remains where this one isn't allowed.
    """

    slug = 'messages_tab'

    def __new__(cls, tab_group, request=None):
        if not cls._is_allowed(request):
            for own in tab_group.tabs:
                if own.slug == cls.slug:
                    return own(tab_group, request)
        return super().__new__(cls)


class InstanceTab(_MessagesTab):
    resource = 'instance'


class ShareTab(_MessagesTab):
    resource = 'share'


class StackTab(_MessagesTab):
    resource = 'stack'


class SnapshotTab(_ReplacingTab):
    resource = 'snapshot'


class BackupTab(_ReplacingTab):
    resource = 'backup'


class VolumeTab(_ReplacingTab):
    resource = 'volume'

    @classmethod
    def _is_allowed(cls, request):
        return options.replace_volume_tab() and super()._is_allowed(request)


def _get_dashboard(request):
    """Return the slug of the dashboard of the page: ``admin``, ``project``."""
    dashboard = request.horizon['dashboard']
    return dashboard.slug if dashboard else 'project'
