#!/bin/sh
echo "worker: $(wc -l < /var/lib/worker/jobs) jobs"
trap 'echo "worker: stopping"; exit 0' TERM
while true; do
  sleep 1 &
  wait $!
done
