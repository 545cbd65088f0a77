#!/bin/bash
# Posts standard input with curl, a hundred lines at a time, and writes those that were taken.
number=0
while mapfile -t -n 100 lines && ((${#lines[@]})); do
    number=$((number + 1))
    printf '%s\n' "${lines[@]}" |
        curl --silent --show-error --fail --retry 100 --retry-all-errors --retry-delay 1 --retry-max-time 120 \
            -H 'Content-Type: text/plain' -H "Idempotency-Key: $$-$number" --data-binary @- "$1" >/dev/null &&
        printf '%s\n' "${lines[@]}"
done
