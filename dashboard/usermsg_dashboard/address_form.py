# SPDX-License-Identifier: Apache-2.0
"""Form whose values come from the address bar."""

from django import forms
from django.utils.translation import gettext_lazy as _


class AddressForm(forms.Form):
    """Form that has exactly the parameters of the address.

    :param data: a ``QueryDict``
    """

    def __init__(self, data):
        super().__init__(data, auto_id='usermsg-%s')

    def clean(self):
        for name, values in sorted(self.data.lists()):
            if name not in self.fields:
                raise forms.ValidationError(
                    _('There is no filter "%(name)s".'),
                    params={'name': name})
            if len(values) > 1:
                raise forms.ValidationError(
                    _('The address has several values of "%(name)s".'),
                    params={'name': name})
