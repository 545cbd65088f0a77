#!/usr/bin/env bash
# Seen: a field that is called like one of the logger's own (level, msg, message, time) makes pino, slog, zap and zerolog
# write that key TWICE in one object. RFC 8259 leaves open which counts; nearly every reader keeps the last without a word.
# Which one is the logger's own differs: its level is always the first, its text is the last with pino and zerolog, the
# first with slog and zap. So an ERROR "pump stopped" can arrive as level "high" with the text "inner".
# Why it matters: whoever reads logs gets a foreign severity or text, cannot see that something is missing, and what the
# program logged cannot be found. Read such a line pair by pair.
set -euo pipefail
place=$(mktemp -d); trap 'chmod -R u+w "$place"; rm -rf "$place"' EXIT; cd "$place"
npm init -y >npm.log && npm install --no-audit --no-fund pino@10.4.0 >>npm.log
cat > p.js <<'J'
require('pino')().error({ level: 'high', msg: 'inner', time: '12:00' }, 'pump stopped')
J
cat > go.mod <<'G'
module finding
go 1.21
require (
	github.com/rs/zerolog v1.35.1
	go.uber.org/zap v1.28.0
)
G
cat > main.go <<'G'
package main

import (
	"log/slog"
	"os"

	"github.com/rs/zerolog"
	"go.uber.org/zap"
)

func main() {
	slog.New(slog.NewJSONHandler(os.Stdout, nil)).Error("pump stopped", "msg", "inner", "level", "high")
	config := zap.NewProductionConfig()
	config.OutputPaths = []string{"stdout"}
	logger, _ := config.Build()
	logger.Error("pump stopped", zap.String("msg", "inner"), zap.String("level", "high"))
	z := zerolog.New(os.Stdout)
	z.Error().Str("level", "high").Str("message", "inner").Msg("pump stopped")
}
G
export GOFLAGS=-mod=mod GOPATH="$place/go" GOCACHE="$place/cache"
go build -o loggers . 2>go.log || { cat go.log; exit 2; }
node p.js > lines; ./loggers >> lines
echo "pino 10.4.0, slog ($(go version | cut -d' ' -f3)), zap 1.28.0, zerolog 1.35.1 wrote:"; cat lines
echo "and JSON.parse makes of it:"
node -e '
const wrong = require("fs").readFileSync("lines", "utf8").trim().split("\n").map((line) => {
  const read = JSON.parse(line); console.log("  level", JSON.stringify(read.level), "text", JSON.stringify(read.msg || read.message))
  return (line.match(/"level":/g) || []).length === 2 && read.level === "high"
})
process.exit(wrong.length === 4 && wrong.every(Boolean) ? 0 : 1)' || { echo "CHANGED: not all four write the level twice"; exit 1; }
