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
from usermsg_dashboard import rules


class MessageListView(views.HorizonTemplateView):
    """List of the messages of the current project, newest first.

    ``namespace`` is that of the panel's URLs.
    """

    template_name = 'usermsg/list.html'
    page_title = _('Messages')
    namespace = 'horizon:project:usermsg'
    all_projects = False
    form_class = message_filters.MessageFilterForm

    def get(self, request, *args, **kwargs):
        form = self.form_class(request.GET)
        page, problem = client.Page([], False), None
        if form.is_valid():
            try:
                page = self.read_page(form)
            except client.ERRORS as error:
                problem = problems.describe(error)
            if page is None:
                return shortcuts.redirect(self.build_url(form))
        return self.render_to_response(self.get_context_data(
            form=form, messages=page.messages, problem=problem,
            can_delete=rules.permit_deletion(request, self.all_projects),
            **self.build_links(form, page)))

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            namespace=self.namespace, index_url=reverse(
                f'{self.namespace}:index'), **kwargs)

    def read_page(self, form):
        """Return a page; None if that is the first one, without a marker.

        A page before a marker is read in ascending order, in which the
        service holds back the messages of the last seconds.
        """
        query = self.build_query(form)
        limit = utils.get_page_size(self.request)
        before = form.cleaned_data['prev_marker']
        messages = client.MessageClient(self.request)
        if not before:
            return messages.list(
                **query, limit=limit, marker=form.cleaned_data['marker'])
        page = messages.list(**query, limit=limit, marker=before,
                             sort='created_at:asc')
        return client.Page(page.messages[::-1], True) if page.has_more else (
            None)

    def build_query(self, form):
        return form.build_query()

    def build_links(self, form, page):
        """Return the URLs of the pages with newer and older messages."""
        if not form.is_valid():
            return {}
        marker, before = (form.cleaned_data[name]
                          for name in ('marker', 'prev_marker'))
        ids = [message.id for message in page.messages]
        links = {}
        if marker or before:
            links['newer_url'] = self.build_url(
                form, prev_marker=ids[0] if ids else marker)
        if page.has_more:
            links['older_url'] = self.build_url(form, marker=ids[-1])
        return links

    def build_url(self, form, **position):
        """Return the URL of the list with the same filters."""
        query = self.request.GET.copy()
        for name in ('marker', 'prev_marker'):
            query.pop(name, None)
        query.update(position)
        url = reverse(f'{self.namespace}:index')
        return f'{url}?{query.urlencode()}' if query else url
