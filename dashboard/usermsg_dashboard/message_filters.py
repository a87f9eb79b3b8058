# SPDX-License-Identifier: Apache-2.0
"""Forms with the filters of a list of messages and the position in it.

The values come from the address bar, so each one is validated here, before a
request to the service.
"""

import re

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from usermsg_dashboard import address_form
from usermsg_dashboard import labels
from usermsg_dashboard import projects

_NAME = re.compile('[A-Za-z0-9_]+')
_TIME_FORMAT = '%Y-%m-%dT%H:%M'
_POSITIONS = ('marker', 'prev_marker')


def _time_field(label):
    return forms.DateTimeField(
        label=label, required=False,
        error_messages={'invalid': _('Enter a date and a time, such as '
                                     '2026-11-30T14:00.')},
        widget=forms.DateTimeInput({'type': 'datetime-local'},
                                   format=_TIME_FORMAT))


def _position_field():
    return forms.UUIDField(
        required=False, widget=forms.HiddenInput,
        error_messages={'invalid': _('The address has no valid position in '
                                     'the list.')})


class MessageFilterForm(address_form.AddressForm):
    """Form for the messages of one project."""

    #: Field -> parameter of the API.
    parameters = {
        'level': 'message_level',
        'resource_type': 'resource_type',
        'resource_id': 'resource_uuid',
        'request_id': 'request_id',
        'since': 'created_since',
        'before': 'created_before',
    }

    level = forms.ChoiceField(
        label=_('Level'), required=False,
        choices=[('', _('All')), *labels.LEVELS.items()],
        error_messages={'invalid_choice': _('There is no such level.')})
    resource_type = forms.CharField(
        label=_('Resource type'), required=False, max_length=64)
    resource_id = forms.CharField(
        # A context as in the module labels.
        label=pgettext_lazy('message', 'Resource ID'), required=False,
        max_length=255)
    request_id = forms.CharField(
        label=pgettext_lazy('message', 'Request ID'), required=False,
        max_length=64)
    since = _time_field(_('Not before'))
    before = _time_field(_('Before'))
    marker = _position_field()
    prev_marker = _position_field()

    def __init__(self, request):
        super().__init__(request.GET.copy())
        self.request = request
        types = sorted(
            ((name, str(label)) for name, label in
             labels.RESOURCE_TYPES.items()), key=lambda choice: choice[1])
        # A type that an operator has defined.
        current = request.GET.get('resource_type', '').upper()
        if current not in ('', *labels.RESOURCE_TYPES):
            types.append((current, current))
        self.fields['resource_type'].widget = forms.Select(
            choices=[('', _('All')), *types])
        for name in self.parameters:
            self.fields[name].widget.attrs['class'] = 'form-control'

    @property
    def filters(self):
        """Bound fields of the filters."""
        return [self[name] for name in self.parameters]

    @property
    def is_filtered(self):
        return any(self.data.get(name) for name in self.parameters)

    @property
    def is_first_page(self):
        """True if the list begins with the newest message of all."""
        return not self.is_filtered and not any(
            self.data.get(name) for name in _POSITIONS)

    @property
    def position_errors(self):
        """Errors of the fields that the page doesn't show."""
        return [error for name in _POSITIONS for error in self[name].errors]

    def clean_resource_type(self):
        value = self.cleaned_data['resource_type'].upper()
        if value and not _NAME.fullmatch(value):
            raise forms.ValidationError(_('There is no such resource type.'))
        return value

    def clean_since(self):
        return self._clean_time('since')

    def clean_before(self):
        return self._clean_time('before')

    def _clean_time(self, name):
        """Let the page show a time in the only format that its field has."""
        time = self.cleaned_data[name]
        if time:
            try:
                self.data[name] = timezone.make_naive(time).isoformat(
                    timespec='seconds')
            except OverflowError:
                raise forms.ValidationError(
                    self.fields[name].error_messages['invalid']) from None
        return time

    def clean(self):
        super().clean()
        if all(self.cleaned_data.get(name) for name in _POSITIONS):
            raise forms.ValidationError(
                _('The address has two positions in the list.'))
        since, before = (self.cleaned_data.get(name)
                         for name in ('since', 'before'))
        if since and before and since >= before:
            self.add_error('before', _('This time is not after the other.'))

    def build_query(self):
        """Return the parameters of the API for the filters."""
        query = {parameter: self.cleaned_data[name]
                 for name, parameter in self.parameters.items()
                 if self.cleaned_data[name]}
        for parameter in ('created_since', 'created_before'):
            if parameter in query:
                query[parameter] = query[parameter].isoformat()
        return query


class AllProjectsFilterForm(MessageFilterForm):
    """Form for the messages of all projects."""

    parameters = {'project': 'project_id', **MessageFilterForm.parameters}

    project = forms.CharField(label=_('Project name or ID'), required=False,
                              max_length=64)

    def clean_project(self):
        value = self.cleaned_data['project']
        try:
            return value and projects.find_id(self.request, value)
        except projects.AmbiguousName:
            raise forms.ValidationError(
                _('Several projects have this name. Enter the ID.')) from None

    def build_query(self):
        return {'all_projects': 'true', **super().build_query()}
