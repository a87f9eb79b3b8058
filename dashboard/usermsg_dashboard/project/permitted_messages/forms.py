# SPDX-License-Identifier: Apache-2.0
"""Form of the search in the catalogue."""

from django import forms
from django.utils.translation import gettext_lazy as _

from usermsg_dashboard import address_form
from usermsg_dashboard import labels

_ADVICE = {
    'fix': {'user_fixable': True},
    'retry': {'retryable': True},
    'operator': {'user_fixable': False, 'retryable': False},
}


class SearchForm(address_form.AddressForm):
    words = forms.CharField(label=_('Words'), required=False, max_length=255)
    prefix = forms.ChoiceField(
        label=_('Service'), required=False,
        error_messages={'invalid_choice': _('The catalogue has no messages '
                                            'of this service.')})
    advice = forms.ChoiceField(
        label=_('Advice'), required=False, choices=[
            ('', _('All')), ('fix', _('You can fix this')),
            ('retry', _('Try again later')),
            ('operator', _('Ask your operator'))],
        error_messages={'invalid_choice': _('There is no such advice.')})
    page = forms.IntegerField(
        required=False, min_value=1, widget=forms.HiddenInput,
        error_messages={'invalid': _('There is no such page.'),
                        'min_value': _('There is no such page.')})

    def __init__(self, data, prefixes):
        """Create a form.

        :param prefixes: namespace prefixes of the catalogue
        """
        super().__init__(data)
        self.fields['prefix'].choices = [('', _('All')), *sorted(
            ((prefix, str(labels.PREFIXES.get(prefix, prefix)))
             for prefix in prefixes), key=lambda choice: choice[1])]
        for field in self.filters:
            field.field.widget.attrs['class'] = 'form-control'

    @property
    def filters(self):
        """Bound fields of the filters."""
        return [self[name] for name in ('words', 'prefix', 'advice')]

    @property
    def is_filtered(self):
        return any(self.data.get(field.name) for field in self.filters)

    @property
    def position_errors(self):
        """Errors of the field that the page doesn't show."""
        return self['page'].errors

    def build_query(self):
        """Return the arguments of a search."""
        values = self.cleaned_data
        return {'words': values['words'],
                **({'prefix': values['prefix']} if values['prefix'] else {}),
                **_ADVICE.get(values['advice'], {})}
