# SPDX-License-Identifier: Apache-2.0
"""Form with the filters of a list of messages and the position in it.

Its values come from the address bar, so each one is validated here, before a
request to the service.
"""

import re

from django import forms
from django.utils.translation import gettext_lazy as _

from usermsg_dashboard import labels

_NAME = re.compile('[A-Za-z0-9_]+')
_TIME_FORMAT = '%Y-%m-%dT%H:%M'

#: Field -> parameter of the API.
_PARAMETERS = {
    'level': 'message_level',
    'resource_type': 'resource_type',
    'resource_id': 'resource_uuid',
    'request_id': 'request_id',
    'since': 'created_since',
    'before': 'created_before',
}
_POSITIONS = ('marker', 'prev_marker')


class MessageFilterForm(forms.Form):
    level = forms.ChoiceField(
        label=_('Level'), required=False,
        choices=[('', _('All')), *labels.LEVELS.items()])
    resource_type = forms.CharField(
        label=_('Resource type'), required=False, max_length=64)
    resource_id = forms.CharField(
        label=_('Resource ID'), required=False, max_length=255)
    request_id = forms.CharField(
        label=_('Request ID'), required=False, max_length=64)
    since = forms.DateTimeField(
        label=_('Not before'), required=False, widget=forms.DateTimeInput(
            {'type': 'datetime-local'}, format=_TIME_FORMAT))
    before = forms.DateTimeField(
        label=_('Before'), required=False, widget=forms.DateTimeInput(
            {'type': 'datetime-local'}, format=_TIME_FORMAT))
    marker = forms.UUIDField(required=False, widget=forms.HiddenInput)
    prev_marker = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, data):
        super().__init__(data, auto_id='usermsg-%s')
        types = sorted(
            ((name, str(label)) for name, label in
             labels.RESOURCE_TYPES.items()), key=lambda choice: choice[1])
        # A type that an operator has defined.
        current = data.get('resource_type', '').upper()
        if current not in ('', *labels.RESOURCE_TYPES):
            types.append((current, current))
        self.fields['resource_type'].widget = forms.Select(
            choices=[('', _('All')), *types])
        for name in self.filter_names:
            self.fields[name].widget.attrs['class'] = 'form-control'

    @property
    def filter_names(self):
        return [name for name in self.fields if name not in _POSITIONS]

    def filters(self):
        """Return the bound fields of the filters."""
        return [self[name] for name in self.filter_names]

    def clean_resource_type(self):
        value = self.cleaned_data['resource_type'].upper()
        if value and not _NAME.fullmatch(value):
            raise forms.ValidationError(_('This is not a resource type.'))
        return value

    def clean(self):
        unknown = sorted(self.data.keys() - self.fields.keys())
        if unknown:
            raise forms.ValidationError(
                _('There is no filter "%(name)s".'),
                params={'name': unknown[0]})
        if all(self.cleaned_data.get(name) for name in _POSITIONS):
            raise forms.ValidationError(
                _('A page has only one of marker and prev_marker.'))
        since, before = (self.cleaned_data.get(name)
                         for name in ('since', 'before'))
        if since and before and since >= before:
            self.add_error('before', _('This is not after the other time.'))

    def build_query(self):
        """Return the parameters of the API for the filters."""
        values = self.cleaned_data
        query = {parameter: values[name]
                 for name, parameter in _PARAMETERS.items() if values[name]}
        for parameter in ('created_since', 'created_before'):
            if parameter in query:
                query[parameter] = query[parameter].isoformat()
        return query
