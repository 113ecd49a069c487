#!/usr/bin/env bash
# Builds the fuzz targets of tests/fuzz with clang and libFuzzer, and runs as many at once as there
# are cores.
#
#   scripts/fuzz.sh [SECONDS] [TARGET]...     20 seconds each; all targets when none is named
#
# Installs nothing: run scripts/setup.sh build test first. Begins with the inputs in
# tests/fuzz/corpus/TARGET; new ones are discarded at the end. An input that breaks a target is kept
# in build/fuzz/findings/, with its log; the exit status is then 1.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly kCorpus=tests/fuzz/corpus
readonly kFindings=build/fuzz/findings
readonly kLongestRun=10 # seconds that an input may take
readonly kTimedOut=70   # libFuzzer's exit status
readonly kOptions=(-print_final_stats=1 -timeout="$kLongestRun" -rss_limit_mb=2048)

# The longest inputs, in bytes. A line of an audit log has up to 64 KiB, and up to two are read from
# its end.
readonly kLongest=4096
readonly -A kLongestOf=([frame]=33 [control_message]=68 [key_file]=80 [audit_line]=66000 [audit_file]=140000)

usage() { sed -n '2,/^set/{/^set/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}"; }

parse_arguments() {
  local target
  if [[ ${1:-} =~ ^[1-9][0-9]*$ ]]; then
    seconds=$1
    shift
  fi
  targets=("$@")
  ((${#targets[@]})) || targets=("$kCorpus"/*)
  targets=("${targets[@]##*/}")
  for target in "${targets[@]}"; do
    if [[ ! -d $kCorpus/$target ]]; then
      usage >&2
      echo "fuzz: there is no target '$target' in $kCorpus" >&2
      exit 2
    fi
  done
}

build() {
  cmake --preset fuzz --log-level=WARNING
  cmake --build --preset fuzz --target "${targets[@]/#/fuzz_}"
}

# figure NAME LOG: the last number after NAME; ? if there is none.
figure() { sed -nE "s/.*\<$1: +([0-9]+).*/\1/p" "$2" | tail -n 1 | grep . || echo '?'; }

# tell_finding LOG: what went wrong, where, and the input, if it is short: all that is left of it
# where the machine is thrown away afterwards.
tell_finding() {
  grep -E '^NOT SO|ERROR:|runtime error|ALARM|^SUMMARY|^ +#[0-9]+ |^Base64|Test unit written' "$1" |
    cut --bytes=-2000 | head -n 40 | sed 's/^/fuzz: | /'
}

# is_slow TARGET: whether the input that took too long by the clock does so by CPU time, too. On a
# machine that is busy, or was paused, it need not.
is_slow() {
  local input
  for input in "$kFindings/$1"-timeout-*; do
    (ulimit -t "$kLongestRun" && "build/fuzz/tests/fuzz/fuzz_$1" -timeout=0 "$input") >/dev/null 2>&1 || return 0
    rm -f "$input"
  done
  return 1
}

# run TARGET: prints one line. Fails when there is a finding, and tells more of it.
run() {
  local target=$1 log=$work/$1.log result='no finding' status=0
  mkdir "$work/$target"
  "build/fuzz/tests/fuzz/fuzz_$target" "${kOptions[@]}" -max_total_time="$seconds" \
    -max_len="${kLongestOf[$target]:-$kLongest}" -artifact_prefix="$kFindings/$target-" \
    "$work/$target" "$kCorpus/$target" >"$log" 2>&1 &
  child=$!
  wait "$child" || status=$?
  if ((status == kTimedOut)) && ! is_slow "$target"; then
    status=0 result="no finding, but the machine stood still, which ended it early"
  fi
  if ((status)); then
    cp "$log" "$kFindings/$target.log"
    result="FINDING: $kFindings/$target.log"
  fi
  echo "fuzz: $target: $(figure stat::number_of_executed_units "$log") executions," \
    "cov $(figure cov "$log"), ft $(figure ft "$log"), $result"
  if ((status)); then tell_finding "$log"; fi
  return "$status"
}

# run_every STEP FIRST: one target after the other, those that others have begun with left out.
run_every() {
  local at child='' status=0
  trap '[[ -z $child ]] || kill "$child"; exit 143' TERM # a trap runs while a background process is waited for
  for ((at = $2; at < ${#targets[@]}; at += $1)); do run "${targets[at]}" || status=1; done
  return "$status"
}

# finish: also when it is ended early.
finish() {
  trap '' INT TERM HUP
  ((${#workers[@]} == 0)) || kill -TERM "${workers[@]}" 2>/dev/null || true
  wait
  rm -rf "$work"
}

main() {
  local seconds=20 targets cores first pid status=0
  parse_arguments "$@"
  workers=()
  work=$(mktemp -d "${TMPDIR:-/tmp}/hb-fuzz.XXXXXX")
  trap finish EXIT
  trap 'exit 130' INT TERM HUP
  export TMPDIR=$work # of what the targets put there
  build
  mkdir -p "$kFindings"
  cores=$(nproc)
  for ((first = 0; first < cores; ++first)); do
    run_every "$cores" "$first" &
    workers+=($!)
  done
  for pid in "${workers[@]}"; do wait "$pid" || status=1; done
  return "$status"
}

main "$@"
