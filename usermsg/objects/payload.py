# SPDX-License-Identifier: Apache-2.0
"""Base class of payloads whose attributes a service passes."""

from usermsg import exception
from usermsg.objects import base


class Payload(base.UsermsgObject):

    def _set(self, name, values, convert=lambda value: value):
        """Set a field to a value of a mapping.

        :param convert: function of the value
        :raises usermsg.exception.InvalidInput: names the attribute
        """
        try:
            setattr(self, name, convert(values[name]))
        except (TypeError, ValueError, OverflowError):
            # Without the text of the error, which repeats the value.
            raise exception.InvalidInput(
                name, 'is missing.' if values[name] is None else
                'is not a valid value of this attribute.') from None

    def payload(self):
        """Return the payload of a notification: a dict for JSON."""
        # The data of obj_to_primitive, without the tracking of changes.
        return {name: field.to_primitive(self, name, getattr(self, name))
                for name, field in self.fields.items()}
