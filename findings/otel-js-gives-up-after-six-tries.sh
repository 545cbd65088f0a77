#!/usr/bin/env bash
# Seen: the OTLP/HTTP log exporter of OpenTelemetry for JavaScript sends a batch six times at most, whatever its
# timeoutMillis says: with ten minutes of it and a receiver that answers 503 with "Retry-After: 0", it drops the batch after
# the sixth try, and says so only to who set a diagnostics logger. Without a Retry-After its pauses are 1, 1.5, 2.3, 3.4 and
# 5 seconds, 13 in all.
# Why it matters: who sets timeoutMillis (OTEL_EXPORTER_OTLP_TIMEOUT) so that an outage of minutes loses nothing loses every
# batch of an outage beyond 13 seconds; the same setting does work with the SDK for Python. A receiver helps where it names
# a longer pause in Retry-After; a collector beside the program, with a queue on disk, loses none.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT; cd "$place"
npm init -y >npm.log && npm install --no-audit --no-fund @opentelemetry/sdk-logs@0.223.1 \
    @opentelemetry/exporter-logs-otlp-http@0.223.1 @opentelemetry/api-logs@0.223.1 >>npm.log
cat > f.js <<'J'
const http = require('node:http')
const { OTLPLogExporter } = require('@opentelemetry/exporter-logs-otlp-http')
const { LoggerProvider, SimpleLogRecordProcessor } = require('@opentelemetry/sdk-logs')
let tries = 0
const server = http.createServer((request, answer) => {
  tries += 1
  request.resume()
  request.on('end', () => answer.writeHead(503, { 'Retry-After': '0' }).end())
})
server.listen(0, '127.0.0.1', () => {
  const exporter = new OTLPLogExporter({ url: `http://127.0.0.1:${server.address().port}/v1/logs`, timeoutMillis: 600000 })
  const send = exporter.export.bind(exporter)
  exporter.export = (records, done) => send(records, (result) => {
    done(result)
    console.log(`exporter-logs-otlp-http 0.223.1, timeoutMillis 600000: ${tries} tries, then ${result.code === 0 ? 'taken' : 'dropped'}`)
    const changed = tries !== 6 || result.code === 0
    if (changed) console.log('CHANGED: the number of tries')
    process.exit(changed ? 1 : 0)
  })
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] })
  provider.getLogger('drives').emit({ body: 'no answer from drive 3' })
})
J
node f.js
