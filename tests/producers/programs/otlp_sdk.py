"""A program with OpenTelemetry's SDK for Python: logs each number of standard input, writes those that were taken."""

import logging
import sys

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource


class Told(OTLPLogExporter):
    """Writes the texts of each batch that it was told is taken."""

    def export(self, batch):
        result = super().export(batch)
        if result.name == "SUCCESS":
            for one in batch:
                print(one.log_record.body, flush=True)
        return result


provider = LoggerProvider(resource=Resource.create({"service.name": "press", "host.name": "press-4"}))
exporter = Told(endpoint=sys.argv[1], timeout=120)
provider.add_log_record_processor(
    BatchLogRecordProcessor(exporter, max_queue_size=50_000, export_timeout_millis=120_000, schedule_delay_millis=200)
)
logger = logging.getLogger("drives")
logger.addHandler(LoggingHandler(logger_provider=provider))
logger.propagate = False
for line in sys.stdin:
    logger.error(line.rstrip("\n"))
provider.force_flush(120_000)
provider.shutdown()
