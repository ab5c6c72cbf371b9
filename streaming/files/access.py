"""How S3 is reached: region and endpoint, and a client made where it is first used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from streaming.aws import make_client


@dataclass
class Access:
    """The way to S3 and SQS; small, and pickled to the workers, where each makes its own clients.

    Parameters
    ----------
    region, endpoint_url
        What goes before the usual AWS configuration.
    """

    region: str | None = None
    endpoint_url: str | None = None
    _made: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def client(self, service: str) -> Any:
        """Give a service's client, always the same one."""
        if service not in self._made:
            self._made[service] = make_client(service, self.region, self.endpoint_url)
        return self._made[service]

    def __getstate__(self) -> dict[str, Any]:
        return {"region": self.region, "endpoint_url": self.endpoint_url, "_made": {}}
