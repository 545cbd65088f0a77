"""Logs of OpenTelemetry over HTTP."""

from __future__ import annotations

from pydantic import BaseModel, Field


class OtlpSettings(BaseModel, defer_build=True):
    """Where OTLP/HTTP is heard, beside the HTTP server's own port."""

    otlp_host: str = Field(
        "127.0.0.1",
        description="Address for OTLP/HTTP on `ANDON_OTLP_PORT`; any address other than loopback requires a token, see "
        "[access](access.md#programs).",
    )
    otlp_port: int = Field(
        0,
        ge=-1,
        le=65535,
        description="Separate port for OTLP/HTTP (`/v1/logs`), usually 4318; 0 opens none, -1 picks a free one. The "
        "HTTP server's port accepts it as well.",
    )
