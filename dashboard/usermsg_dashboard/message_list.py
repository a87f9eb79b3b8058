# SPDX-License-Identifier: Apache-2.0
"""Page with a list of messages."""

from django import shortcuts
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from horizon.utils import functions as utils
from horizon import views

from usermsg_dashboard import client
from usermsg_dashboard import message_filters
from usermsg_dashboard import problems
from usermsg_dashboard import rows
from usermsg_dashboard import rules

#: Django refuses forms with more than a thousand fields, and each message that
#: is selected for deletion is a field.
_MAX_PAGE_SIZE = 500


class MessageListView(views.HorizonTemplateView):
    """List of messages, newest first.

    ``dashboard`` is the slug of the dashboard: ``project``, with the messages
    of the current project, or ``admin``, with those of all projects.
    """

    template_name = 'usermsg/list.html'
    page_title = _('Messages')
    dashboard = 'project'

    @property
    def all_projects(self):
        return self.dashboard == 'admin'

    def get(self, request, *args, **kwargs):
        form = (message_filters.AllProjectsFilterForm if self.all_projects else
                message_filters.MessageFilterForm)(request)
        page, problem = client.Page([], False), None
        if form.is_valid():
            try:
                page = self._read_page(form)
            except client.ERRORS as error:
                problem = problems.describe(error)
            if page is None:
                return shortcuts.redirect(self._build_url())
        return self.render_to_response(self.get_context_data(
            form=form, problem=problem, dashboard=self.dashboard,
            namespace=f'horizon:{self.dashboard}:usermsg',
            rows=rows.build(request, page.messages, self.dashboard),
            can_delete=rules.permit_deletion(request, self.all_projects),
            newest_unread=self._find_newest_unread(form, page),
            **self._build_links(form, page)))

    def _read_page(self, form):
        """Return a page; None if the first one, without a marker, is better.

        The last page is empty after the deletion of its messages. A page
        before a marker is read in ascending order, in which the service holds
        back the messages of the last seconds.
        """
        query = form.build_query()
        limit = min(_MAX_PAGE_SIZE, utils.get_page_size(self.request))
        marker, before = (form.cleaned_data[name]
                          for name in ('marker', 'prev_marker'))
        messages = client.MessageClient(self.request)
        if not before:
            page = messages.list(**query, limit=limit, marker=marker)
            return page if page.messages or not marker else None
        page = messages.list(**query, limit=limit, marker=before,
                             sort='created_at:asc')
        return client.Page(page.messages[::-1], True) if page.has_more else (
            None)

    def _find_newest_unread(self, form, page):
        """Return the id up to which the page can be marked as read, or None.

        Only on the first page without filters the newest message is that of
        the project.
        """
        if (not form.is_first_page or not page.messages or
                not page.messages[0].unread or
                not rules.permit_read_mark(self.request)):
            return None
        return page.messages[0].id

    def _build_links(self, form, page):
        """Return the URLs of the pages with newer and older messages."""
        if not form.is_valid():
            return {}
        marker, before = (form.cleaned_data[name]
                          for name in ('marker', 'prev_marker'))
        ids = [message.id for message in page.messages]
        links = {}
        if marker or before:
            links['newer_url'] = self._build_url(
                prev_marker=ids[0] if ids else marker or before)
        if page.has_more:
            links['older_url'] = self._build_url(marker=ids[-1])
        return links

    def _build_url(self, **position):
        """Return the URL of the list with the same filters."""
        query = self.request.GET.copy()
        for name in ('marker', 'prev_marker'):
            query.pop(name, None)
        query.update(position)
        url = reverse(f'horizon:{self.dashboard}:usermsg:index')
        return f'{url}?{query.urlencode()}' if query else url
