# SPDX-License-Identifier: Apache-2.0
"""Page with the catalogue of permitted messages."""

from django.core import paginator
from django.utils.translation import gettext_lazy as _
from horizon.utils import functions as utils
from horizon import views

from usermsg_dashboard import client
from usermsg_dashboard import definitions
from usermsg_dashboard import labels
from usermsg_dashboard import problems
from usermsg_dashboard.project.permitted_messages import forms


class PermittedMessagesView(views.HorizonTemplateView):
    template_name = 'usermsg/permitted.html'
    page_title = _('Permitted Messages')

    def get_context_data(self, **kwargs):
        catalogue, problem = [], None
        try:
            catalogue = definitions.read(self.request)
        except client.ERRORS as error:
            problem = problems.describe(error)
        form = forms.SearchForm(
            self.request.GET, {entry.prefix for entry in catalogue})
        matching, number = [], 1
        if not problem and form.is_valid():
            matching = definitions.search(catalogue, **form.build_query())
            number = form.cleaned_data['page']
        page = paginator.Paginator(
            matching, utils.get_page_size(self.request)).get_page(number)
        return super().get_context_data(
            form=form, problem=problem, page=page,
            rows=[(entry, labels.PREFIXES.get(entry.prefix, entry.prefix))
                  for entry in page],
            previous_url=page.has_previous() and self._build_url(
                page.previous_page_number()),
            next_url=page.has_next() and self._build_url(
                page.next_page_number()), **kwargs)

    def _build_url(self, number):
        query = self.request.GET.copy()
        query['page'] = number
        return f'{self.request.path}?{query.urlencode()}'
