# SPDX-License-Identifier: Apache-2.0
"""Field types of objects that are sent to other systems."""

import datetime

from oslo_versionedobjects import fields
import sqlalchemy as sa

from usermsg import text
from usermsg import validation

#: Maximum characters of an identifier or a text.
LENGTH = 255


class Text(fields.String):
    """Free text of users, truncated to the maximum length."""

    def coerce(self, obj, attr, value):
        return text.cleaned(super().coerce(obj, attr, value))

    def get_schema(self):
        return {'type': ['string'], 'maxLength': LENGTH}


class Identifier(fields.String):
    """Identifier. A value that is too long is rejected, not truncated."""

    def coerce(self, obj, attr, value):
        if (not isinstance(value, str) or not 0 < len(value) <= LENGTH or
                text.UNFIT.search(value)):
            raise ValueError()
        return value

    def get_schema(self):
        return {'type': ['string'], 'minLength': 1, 'maxLength': LENGTH}


class Uuid(fields.String):
    """UUID in its original form.

    The library's own type only warns about other values, and accepts them.
    """

    def coerce(self, obj, attr, value):
        if not (isinstance(value, str) and
                validation.UUID_OF_ANY_CASE.fullmatch(value)):
            raise ValueError()
        return value

    def get_schema(self):
        return {'type': ['string'], 'format': 'uuid',
                'pattern': f'^{validation.UUID_OF_ANY_CASE.pattern}$'}


class UtcDateTime(fields.DateTime):
    """Time in UTC, to the microsecond: ``2026-01-31T12:00:00.123456+00:00``.

    The library's own type omits the fraction.
    """

    def to_primitive(self, obj, attr, value):
        return format_time(value)

    def from_primitive(self, obj, attr, value):
        return datetime.datetime.fromisoformat(value)

    def stringify(self, value):
        return format_time(value)

    def get_schema(self):
        return {'type': ['string'], 'format': 'date-time',
                'pattern': r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$'}


def format_time(value):
    """Return a datetime in UTC as text."""
    return value.isoformat(timespec='microseconds')


def fields_for_table(table, time_field):
    """Return fields of a versioned object, one for each column of a table.

    :param time_field: for columns of times
    """
    return {column.name: time_field if isinstance(column.type, sa.DateTime)
            else fields.StringField(nullable=column.nullable)
            for column in table.columns}
