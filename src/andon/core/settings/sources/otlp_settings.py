"""Logs of OpenTelemetry over HTTP."""

from __future__ import annotations

from pydantic import BaseModel, Field


class OtlpSettings(BaseModel, defer_build=True):
    """Where OTLP/HTTP is heard, beside the HTTP server's own port."""

    otlp_host: str = Field(
        "127.0.0.1",
        description="Address that OTLP/HTTP is heard on at `ANDON_OTLP_PORT`; on any other than loopback it demands a "
        "token, see [access](access.md#programs).",
    )
    otlp_port: int = Field(
        0,
        ge=-1,
        le=65535,
        description="Port of its own for OTLP/HTTP (`/v1/logs`), usually 4318; 0 opens none, -1 takes a free one. The "
        "HTTP server's own port takes it as well.",
    )
