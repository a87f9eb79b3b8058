# SPDX-License-Identifier: Apache-2.0
"""The host of a broker, and the login that it asks for."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Host:
    """A host as it is configured; shown without the login."""

    name: str
    port: int
    tls: bool
    username: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)

    @property
    def address(self):
        # Asked for often; netutils.escape_ipv6 parses the name each time.
        name = f'[{self.name}]' if ':' in self.name else self.name
        return f'{name}:{self.port}'

    def __str__(self):
        return f'{"amqps" if self.tls else "amqp"}://{self.address}'
