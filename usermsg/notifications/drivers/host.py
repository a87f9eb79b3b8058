# SPDX-License-Identifier: Apache-2.0
"""Host of a broker, with the credentials for it."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Host:
    """A configured host; its text form omits the credentials."""

    name: str
    port: int
    tls: bool
    username: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)

    @property
    def address(self):
        # Called often, and netutils.escape_ipv6 parses the name each time.
        name = f'[{self.name}]' if ':' in self.name else self.name
        return f'{name}:{self.port}'

    def __str__(self):
        return f'{"amqps" if self.tls else "amqp"}://{self.address}'
