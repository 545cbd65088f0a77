#!/usr/bin/env bash
# Seen: the JSON format of Kubernetes' components (klog with k8s.io/component-base/logs/json, --logging-format=json)
# writes no level of any name. Information has a verbosity "v", an error has none: that missing key is all that tells
# them apart, and an error logged with a nil error has no "err" either. The time is in milliseconds with a fraction.
# Why it matters: a reader that takes a missing level for information files every error of kubelet and scheduler as INFO.
set -euo pipefail
place=$(mktemp -d); trap 'chmod -R u+w "$place"; rm -rf "$place"' EXIT; cd "$place"
cat > go.mod <<'G'
module finding
go 1.26
require (
	go.uber.org/zap v1.28.0
	k8s.io/component-base v0.37.2
)
G
cat > main.go <<'G'
package main

import (
	"errors"
	"os"

	"go.uber.org/zap/zapcore"
	"k8s.io/component-base/logs/json"
)

func main() {
	logger, _ := json.NewJSONLogger(1, zapcore.AddSync(os.Stdout), nil, nil)
	logger.Info("pod started", "node", "line-4")
	logger.Error(errors.New("disk is full"), "volume not mounted", "node", "line-4")
	logger.Error(nil, "volume not mounted", "node", "line-4")
}
G
export GOFLAGS=-mod=mod GOPATH="$place/go" GOCACHE="$place/cache"
go build -o logger . 2>go.log || { cat go.log; exit 2; }
./logger > lines
echo "k8s.io/component-base 0.37.2 wrote (information, an error, an error with nil):"; cat lines
grep -qiE '"(level|severity|lvl)"' lines && { echo "CHANGED: there is a level"; exit 1; }
[ "$(grep -c '"v":0' lines)" = 1 ] && sed -n 3p lines | grep -vq '"err"' || { echo "CHANGED: v or err"; exit 1; }
