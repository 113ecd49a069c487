#!/usr/bin/env bash
# Checks the model of pairing and silence with spin: every property in every configuration, that
# what they are about can happen, and that each mutant is found. See README.md.
#
#   tests/model/check.sh [properties] [mutants]           both, or one of them
#   tests/model/check.sh --trail CONFIGURATION [MUTANT]   a way to a violated property
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here kMutants=20 kMemory_MiB=2000 kSeconds=600 kDepth=20000
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

readonly kConfigurations='socket-order socket-pairing socket-full socket-evicting socket-silence
  socket-horizon socket-threads ring-pairing ring-silence ring-full ring-threads'

# The sizes of a configuration: what all have, then its own, of which the last counts.
sizes_of() {
  local sizes=(TICKS=5 THRESHOLD=3 RECHECK_AFTER=1 READ_DELAY=1 LIFETIME=2 RING=2 QUEUE=1 BATCH=1
    RECORDS=1 FRAMES=2 AHEAD=1 NONCES=1 RETRIES=0 LIMITED=0 FORGERIES=0 FORGE_FROM=0 THREADS=1 JUDGES=0
    EVICTING=0 LOSE_EXITS=0 RING_DELIVERY=0)
  case $1 in
    socket-pairing) sizes+=(TICKS=3 FORGERIES=2 FORGE_FROM=1) ;;
    socket-order) sizes+=(TICKS=1 NONCES=2 FORGERIES=1 THREADS=2 BATCH=2) ;;
    socket-full) sizes+=(TICKS=3 FORGERIES=1 RING=1 RETRIES=1) ;;
    socket-evicting) sizes+=(TICKS=3 FORGERIES=1 EVICTING=1) ;;
    socket-silence) sizes+=(JUDGES=1 NONCES=2 LIMITED=1 RETRIES=1 LIFETIME=3) ;;
    socket-horizon) sizes+=(JUDGES=1 NONCES=2 QUEUE=2) ;;
    socket-threads) sizes+=(JUDGES=1 NONCES=2 THREADS=2 THRESHOLD=2 READ_DELAY=0 TICKS=4 LIFETIME=5) ;;
    ring-pairing) sizes+=(RING_DELIVERY=1 FORGERIES=2 TICKS=2) ;;
    ring-silence) sizes+=(RING_DELIVERY=1 JUDGES=1 NONCES=2 LIMITED=1 LOSE_EXITS=1 THRESHOLD=2
      READ_DELAY=0) ;;
    ring-full) sizes+=(RING_DELIVERY=1 JUDGES=1 RING=1 FORGERIES=1) ;;
    ring-threads) sizes+=(RING_DELIVERY=1 JUDGES=1 NONCES=2 THREADS=2 LIMITED=1 THRESHOLD=2
      READ_DELAY=0 TICKS=4) ;;
    *) fail "there is no configuration $1; there are: $kConfigurations" ;;
  esac
  printf '%s\n' "${sizes[@]}" |
    awk -F= '{ size[$1] = $2 } END { for (name in size) print "-D" name "=" size[name] }'
}

# What must have happened at least once while a configuration was searched.
events_of() {
  case $1 in
    socket-order) echo beat ambiguity queue_full ring_full ;;
    socket-pairing) echo beat ambiguity queue_full orphan_expired ;;
    socket-full) echo beat ambiguity queue_full ring_full orphan_expired ;;
    socket-evicting) echo beat ambiguity orphan_expired ;;
    socket-horizon) echo beat silence exit ;;
    socket-silence) echo beat silence unheard exit queue_full orphan_expired ;;
    socket-threads) echo beat silence unheard exit queue_full ;;
    ring-pairing) echo beat ring_full ;;
    ring-full) echo beat silence exit ring_full ;;
    ring-silence | ring-threads) echo beat silence unheard exit ;;
  esac
}

fail() {
  echo "model: $*" >&2
  exit 1
}

# build CONFIGURATION MUTANT: makes ./pan of it in the present directory. Not optimised: for so few
# states that would take longer than it saves.
build() {
  local sizes
  mapfile -t sizes < <(sizes_of "$1")
  cp "$here"/*.pml .
  spin "${sizes[@]}" "-DMUTANT=$2" -a model.pml >spin.log || fail "spin: $(cat spin.log)"
  gcc -w -O0 -DSAFETY "-DMEMLIM=$kMemory_MiB" -o pan pan.c
}

# search: what ./pan says goes to the file `said`. It ends with 0 also where a property is violated.
search() {
  timeout "$kSeconds" ./pan -n "-m$kDepth" >said 2>&1 ||
    fail "the search of $1 was not completed: $(tail -n 5 said)"
  ! grep -qE 'max search depth too small|MEMLIM' said || fail "$1: $(cat said)"
}

states() { awk '/states, stored/ { print $1 }' said; }

violated() { sed -nE 's/^pan:1: (.*) \(at depth.*/\1/p' said; }

check_configuration() {
  local event began=$SECONDS
  build "$1" NO_MUTANT
  search "$1"
  grep -q 'errors: 0' said || fail "$1: $(violated); for the way there: $0 --trail $1"
  for event in $(events_of "$1"); do
    grep -qE "^reached $event [1-9]" said || fail "$1: no $event is reached: it checks too little"
  done
  printf '%-16s %9d states  %3d s  %s\n' "$1" "$(states)" "$((SECONDS - began))" \
    "$(awk '/^reached/ && $3 > 0 { printf "%s ", $2 }' said)"
}

# NAME<tab>CONFIGURATION of every mutant.
mutants() { sed -nE 's,^#define ([A-Z_]+) +[0-9]+ +/\* ([a-z-]+): .*,\1\t\2,p' "$here/mutants.pml"; }

check_mutant() {
  build "$2" "$1"
  search "$2 with $1"
  ! grep -q 'errors: 0' said || fail "the mutant $1 is not found in $2"
  printf '%-24s %-16s %9d states  %s\n' "$1" "$2" "$(states)" "$(violated | cut -c -60)"
}

check_properties() {
  local configuration
  for configuration in $kConfigurations; do check_configuration "$configuration"; done
}

check_mutants() {
  local name configuration count=0
  while IFS=$'\t' read -r name configuration; do
    check_mutant "$name" "$configuration"
    count=$((count + 1))
  done < <(mutants)
  ((count == kMutants)) || fail "$count mutants were read from mutants.pml, and not $kMutants"
}

# Looks less deep first, for a short way. Steps that only clear or branch are left out.
show_trail() {
  local depth sizes
  build "$1" "${2:-NO_MUTANT}"
  for depth in 150 300 600 1200 "$kDepth"; do
    timeout "$kSeconds" ./pan -n "-m$depth" >said 2>&1 || fail "$(tail -n 5 said)"
    [[ ! -e model.pml.trail ]] || break
  done
  [[ -e model.pml.trail ]] || fail "no property is violated"
  mapfile -t sizes < <(sizes_of "$1")
  spin "${sizes[@]}" "-DMUTANT=${2:-NO_MUTANT}" -t -p model.pml |
    sed -nE 's/^ *[0-9]+:\s+proc +[0-9]+ \((.*):[0-9]+\) ([a-z_]+\.pml:[0-9]+) \(state [0-9]+\)/\1 \2/p' |
    grep -vE '\[(else|break|\(1\)|\.\(goto\))|= *0\]|goto'
  violated
}

main() {
  local part parts=("$@") tool
  for tool in spin gcc; do
    command -v "$tool" >/dev/null || fail "$tool is missing; scripts/setup.sh test installs it"
  done
  cd "$scratch"
  if [[ ${1:-} == --trail ]]; then
    show_trail "${2:?which configuration?}" "${3:-}"
    return
  fi
  ((${#parts[@]})) || parts=(properties mutants)
  for part in "${parts[@]}"; do
    case $part in
      properties | mutants) "check_$part" ;;
      *) fail "there is no part '$part'; use properties or mutants" ;;
    esac
  done
}

main "$@"
