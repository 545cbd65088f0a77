#!/usr/bin/env bash
# Seen: a log handler of Node-RED (settings.js, logging) gets level as a number that runs against pino, bunyan and Python:
# 10 is fatal, 20 an error, 30 a warning, 40 information, 50 debug, 60 trace; 98 is audit and 99 a metric. And where a node
# logs an Error, the handler gets the object: written with JSON.stringify its text is gone, and msg is {}.
# Why it matters: a reader that knows pino (20 is debug, 50 an error) or Python (20 is information, 50 critical) hides every
# error of the flows and raises an alarm for every line of debugging; only warnings come out right.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT; cd "$place"
npm init -y >npm.log && npm install --no-audit --no-fund @node-red/util@5.0.7 >>npm.log
cat > f.js <<'J'
const { log } = require('@node-red/util')
const lines = []
log.init({ logging: { json: { level: 'trace', handler: () => (msg) => lines.push(JSON.stringify(msg)) } } })
log.log({ level: log.ERROR, type: 'modbus-read', name: 'press 4', msg: new Error('no answer from press 4') })
log.error('flow stopped')
log.warn('oil low')
log.info('flows started')
log.debug('polling')
console.log('@node-red/util 5.0.7 handed over (an Error, an error, a warning, information, debug):\n' + lines.join('\n'))
const levels = lines.map((line) => JSON.parse(line).level).join()
const changed = levels !== '20,20,30,40,50' || lines[0].includes('no answer')
if (changed) console.log('CHANGED: the levels, or the text of an Error')
process.exit(changed ? 1 : 0)
J
node f.js
