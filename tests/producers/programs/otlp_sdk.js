// A program with OpenTelemetry's SDK for JavaScript: logs each line of standard input, writes those that were taken.
const readline = require("node:readline");
const { SeverityNumber } = require("@opentelemetry/api-logs");
const { OTLPLogExporter } = require("@opentelemetry/exporter-logs-otlp-http");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchLogRecordProcessor, LoggerProvider } = require("@opentelemetry/sdk-logs");

const exporter = new OTLPLogExporter({ url: process.argv[2], timeoutMillis: 120000, compression: "gzip" });
const plain = exporter.export.bind(exporter);
exporter.export = (records, done) =>
  plain(records, (result) => {
    if (result.code === 0) process.stdout.write(records.map((one) => one.body + "\n").join(""));
    done(result);
  });
const options = { exporter, maxQueueSize: 50000, scheduledDelayMillis: 200, exportTimeoutMillis: 120000 };
const processor = new BatchLogRecordProcessor(options);
const provider = new LoggerProvider({
  resource: resourceFromAttributes({ "service.name": "press", "host.name": "press-4" }),
  processors: [processor],
});
const logger = provider.getLogger("drives");
const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (body) => logger.emit({ severityNumber: SeverityNumber.ERROR, severityText: "ERROR", body }));
lines.on("close", async () => {
  await provider.forceFlush();
  await provider.shutdown();
});
