"""Questions for the playbook, and lines that say too little to name a cause."""

from __future__ import annotations

from andon.core.models import Question, StoredLog

#: (service, message, rule): the sample logs of the reference system and the rule that fits each.
REFERENCE_SAMPLES = [
    ("nginx", "Failed to bind to port 80: Address already in use", "port-already-in-use"),
    (
        "mysql",
        "InnoDB: Error: log sequence numbers 12345678 and 12345679 in ibdata files do not match",
        "innodb-corruption",
    ),
    (
        "systemd",
        "Process /usr/bin/app-service (PID 9876) had a non-zero exit code",
        "process-exit-nonzero",
    ),
    (
        "apache2",
        "AH00058: Error: could not open error log file /var/log/apache2/error.log",
        "log-file-cannot-open",
    ),
    ("postgresql", "FATAL: could not write to WAL: No space left on device", "database-no-space"),
    ("kernel", "CPU temperature above threshold, cpu clock throttled", "cpu-thermal-throttling"),
    ("fail2ban", "Banned IP 192.168.1.100 for multiple failed SSH attempts", "ssh-brute-force"),
    (
        "redis",
        "MISCONF Redis is configured to save RDB snapshots, but is currently not able to persist on disk",
        "redis-misconf",
    ),
    ("docker", "Container e5a3e3d4f6g7 exceeded memory limit", "container-memory-limit"),
    ("certbot", "Failed to renew SSL certificate for domain.com", "certificate-renewal-failed"),
]

VAGUE = [
    *("", " ", "error", "ERROR", "fault 1", "42", "0x80004005", "Alarm", "Alarm 5023", "null", "undefined"),
    *("???", "-----", "asdkjh qwe zxcv", "N/A", "OK", "{}", "%s %d", "[object Object]", "\x00\x01\x02"),
    *("unknown error occurred", "An unknown error has occurred", "Something went wrong", "Operation failed"),
    *("Task failed", "Job failed", "device fault", "Drive fault", "robot error", "PLC error", "Sensor error"),
    *("Exception occurred", "Machine stopped", "Machine stopped for unknown reason", "Status changed"),
    *("see log for details", "Internal error", "General failure", "error code 99", "Check machine"),
    *("timeout", "connection", "temperature", "network", "disk", "database error", "communication error"),
    *("System error", "Hardware error detected maybe software", "value out of range", "retrying...", "reset"),
    *("Unspecified failure on line 3", "Unknown fault in axis module", "Fault code: 12345", "FATAL ERROR"),
    *("ERROR: operation completed successfully", "error: success", "Pump running and stopped", "test message"),
    *("Error while processing", "Bad response", "Value 0", "status = 3", "communication problem", "no data"),
    *("bad quality", "limit exceeded", "threshold exceeded", "fault code 7", "overload", "not ready", "trip"),
    *("it broke again", "call maintenance", "Lorem ipsum dolor sit amet", "Error: Error: Error"),
]

#: Names of services that alone must not make a vague line look explained.
SERVICES = [
    *("machine", "plc-3", "drive-4", "mes", "robot-2", "unknown", "mysql", "ups-1", "oven-2", "switch-1"),
    *("docker", "nginx", "safety-plc", "light-curtain-1", "certbot", "redis"),
]


def a_log(
    message: str,
    service: str = "app",
    *,
    host: str = "host-1",
    severity: str = "ERROR",
    context: str | None = None,
    number: int = 1,
) -> StoredLog:
    """A stored log with only the fields that the playbook reads."""
    return StoredLog(
        id=number,
        timestamp="2026-03-10T22:00:00.000Z",
        hostname=host,
        severity=severity,
        service=service,
        message=message,
        context=context,
        analysis=None,
        created_at="2026-03-10T22:00:00.100Z",
        severity_native=None,
        site=None,
        area=None,
        line=None,
        machine=None,
        notes=None,
        stream="AGENT_STREAM",
        sequence=number,
        stored_ns=number,
        pattern_id=1,
        analysis_id=None,
        rung=None,
        provisional=False,
        analysis_status=None,
    )


def a_question(*logs: StoredLog, template: str = "", worst: str = "ERROR") -> Question:
    """A question about ``logs``, newest first."""
    return Question(
        pattern_id=1,
        template=template,
        logs=list(logs),
        count=len(logs),
        hosts=sorted({log.hostname for log in logs}),
        first_seen="2026-03-10T22:00:00.000Z",
        last_seen="2026-03-10T22:00:00.000Z",
        worst_severity=worst,
    )


def split_example(example: str) -> StoredLog:
    """An example of a rule file ('service | message') as a log."""
    service, message = example.split(" | ", 1)
    return a_log(message, service)
