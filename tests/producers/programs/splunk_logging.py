"""A program with splunk-handler: logs each line of standard input. What was taken it does not tell."""

import logging
import sys

from splunk_handler import SplunkHandler

handler = SplunkHandler(
    host="127.0.0.1",
    port=sys.argv[1],
    protocol="http",
    token="andon",
    index="main",
    hostname="press-4",
    flush_interval=0.3,
    queue_size=0,
    retry_count=20,
    retry_backoff=0.5,
)
logger = logging.getLogger("drives")
logger.addHandler(handler)
logger.propagate = False
for line in sys.stdin:
    logger.error(line.rstrip("\n"))
handler.force_flush()
logging.shutdown()
