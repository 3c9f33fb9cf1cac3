#!/bin/sh
# Trains mini from nothing: all stages in order, two at a time with one thread each while there are two, each part copied over models/mini when it is done.
# Continues where it was stopped; a stage that is finished only exports its part again. Logs are in runs/NAME.log.
set -eu
cd "$(dirname "$0")/../.."
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
mkdir -p runs

# What runs beside a stage that fails stops, too, with a checkpoint. Of one that fails in the background this shell hears by a signal, which ends waiting, so it waits for all of them.
trap 'for job in $(jobs -p); do pkill -TERM -P "$job" || true; done' EXIT
trap 'exit 1' TERM INT
beside() { stage "$@" || kill -TERM $$; }
alone() { stage "$@" & wait $!; }

# stage STAGE NAME [THREADS]: trains recipes/mini/NAME.yaml in runs/NAME.
stage() {
  ended=0
  ./xomni train "$1" --recipe "recipes/mini/$2.yaml" --run "runs/$2" --threads "${3:-1}" --resume >>"runs/$2.log" 2>&1 || ended=$?
  case "$ended $(tail -n 1 "runs/$2.log")" in
    "0 done: "*) ;;
    *" stopped in "*) echo "run.sh: $2 was stopped; run this again to go on" >&2; return 1 ;;
    *) echo "run.sh: $2 failed; see runs/$2.log" >&2; return 1 ;;
  esac
  for part in model flux; do
    if [ -d "runs/$2/model/$part" ]; then cp -R --remove-destination "runs/$2/model/$part" models/mini/; fi
  done
  echo "run.sh: $2 is done"
}

./xomni --version >/dev/null
beside tokenizer tokenizer & tokenizer=$!
beside autoencoder autoencoder & autoencoder=$!
wait "$tokenizer"
wait "$autoencoder"
beside decoder decoder & decoder=$!
alone pretrain pretrain-1
alone pretrain pretrain-2
alone pretrain pretrain-3
alone sft sft-1
alone sft sft-2
wait "$decoder"
# From here on nothing else is trained.
unset OMP_NUM_THREADS OPENBLAS_NUM_THREADS
alone grpo grpo-1 2
alone sft sft-3 2
cp runs/sft-3/model/model/model.safetensors models/mini-sft/
alone grpo grpo-2 2
