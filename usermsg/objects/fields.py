# SPDX-License-Identifier: Apache-2.0
"""Types of fields that what we tell other systems is made of."""

import datetime

from oslo_versionedobjects import fields
import sqlalchemy as sa

from usermsg import text
from usermsg import validation

#: Characters that an identifier or a text has at most.
LENGTH = 255


class Text(fields.String):
    """Words of users: what doesn't fit is cut off."""

    def coerce(self, obj, attr, value):
        return text.cleaned(super().coerce(obj, attr, value))

    def get_schema(self):
        return {'type': ['string'], 'maxLength': LENGTH}


class Identifier(fields.String):
    """Stands for something, so it is refused rather than cut."""

    def coerce(self, obj, attr, value):
        if (not isinstance(value, str) or not 0 < len(value) <= LENGTH or
                text.UNFIT.search(value)):
            raise ValueError()
        return value

    def get_schema(self):
        return {'type': ['string'], 'minLength': 1, 'maxLength': LENGTH}


class Uuid(fields.String):
    """Kept as it is. The library's own type warns, and takes anything."""

    def coerce(self, obj, attr, value):
        if not (isinstance(value, str) and
                validation.UUID_OF_ANY_CASE.fullmatch(value)):
            raise ValueError()
        return value

    def get_schema(self):
        return {'type': ['string'], 'format': 'uuid',
                'pattern': f'^{validation.UUID_OF_ANY_CASE.pattern}$'}


class Moment(fields.DateTime):
    """Microseconds in UTC: ``2026-01-31T12:00:00.123456+00:00``.

    The library's own type leaves out the fraction.
    """

    def to_primitive(self, obj, attr, value):
        return written(value)

    def from_primitive(self, obj, attr, value):
        return datetime.datetime.fromisoformat(value)

    def stringify(self, value):
        return written(value)

    def get_schema(self):
        return {'type': ['string'], 'format': 'date-time',
                'pattern': r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$'}


def written(moment):
    """A datetime in UTC as text."""
    return moment.isoformat(timespec='microseconds')


def of_table(table, time_field):
    """Fields of versioned objects, one for each column of a table.

    :param time_field: for the columns that hold a time
    """
    return {column.name: time_field if isinstance(column.type, sa.DateTime)
            else fields.StringField(nullable=column.nullable)
            for column in table.columns}
