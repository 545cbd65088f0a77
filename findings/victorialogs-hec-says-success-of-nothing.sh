#!/usr/bin/env bash
# Seen: VictoriaLogs takes events at the address of Splunk's HTTP event collector, and answers {"text":"Success","code":0}
# with status 200 also where it stores nothing: an event as `curl -d` sends it (its content type is that of a form, as in
# the examples of Splunk's own pages, and Splunk does not mind it), and one whose time is no number. The first leaves no
# line in its log either. The same event with Content-Type: application/json is stored.
# Why it matters: a line that works with Splunk sends into the void here, and everything says that it arrived. Who moves
# senders from Splunk should count what is stored, not what was answered.
set -euo pipefail
place=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; chmod -R u+w "$place"; rm -rf "$place"' EXIT; cd "$place"
go mod init trial 2>/dev/null
go get github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs@v1.52.1 2>/dev/null
go build -o victoria-logs github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
./victoria-logs -httpListenAddr="127.0.0.1:$port" -storageDataPath=data 2>log &
server=$!
at=http://127.0.0.1:$port
curl -s --retry 50 --retry-connrefused --retry-delay 1 "$at/health" >/dev/null
send() { echo "$1: $(curl -s -w ' %{http_code}' "${@:3}" -d "$2" "$at/services/collector/event" | tr -d '\n')"; }
echo "VictoriaLogs v1.52.1 answered"
send "as a form " '{"event":"sent as a form"}' -H 'Authorization: Splunk token' | tee answers
send "odd time  " '{"event":"at an odd time","time":"noon"}' -H 'Content-Type: application/json' | tee -a answers
send "as JSON   " '{"event":"sent as JSON"}' -H 'Content-Type: application/json' | tee -a answers
curl -s "$at/internal/force_flush" >/dev/null
for _ in $(seq 50); do
  curl -s "$at/select/logsql/query" --data-urlencode 'query=*' >stored
  grep -q "sent as JSON" stored && break
  sleep 0.2
done
echo "and stored"
cut -d, -f1 stored
[ "$(grep -c '"code":0} 200' answers)" = 3 ] && [ "$(wc -l <stored)" = 1 ] || { echo "CHANGED: it says what it stores"; exit 1; }
