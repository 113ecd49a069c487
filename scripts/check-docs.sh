#!/usr/bin/env bash
# Checks that every flag, event, JSON field, counter, name and exit code in userspace/ is mentioned
# in some README.md, that every relative link and anchor of every *.md exists, and that README.md is
# short. Needs no build.
#
#   scripts/check-docs.sh [TREE]         checks TREE (default: this checkout)
#   scripts/check-docs.sh --self-test    plants violations in a copy and demands that each is found
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly here

# All functions below run in the checked tree.

documents() { find . \( -name build -o -name .git -o -name .cache \) -prune -o -type f -name "$1" -printf '%P\0'; }

# The sources whose names are given to find(1), without comments, as one line: a call may be wrapped anywhere.
sources() {
  find userspace -type f "$@" -print0 | xargs -0 --no-run-if-empty cat | sed 's,^ *//.*,,' | tr -s '\n ' ' '
}

cpp() { sources -name '*.[ch]pp'; }

# matches REGEX PART: for each match of REGEX, the part that matches PART, without quotes.
matches() { { grep -oE -- "$1" || true; } | { grep -oE -- "$2" || true; } | tr -d '"'; }

# --- What the sources have: each function prints one word a line ---

# In files that declare flags every literal that is one flag is one of ours.
flags() {
  find userspace -type f -name '*.[ch]pp' -print0 | xargs -0 grep -lZ 'CLI::' | xargs -0 cat |
    matches '"--[a-z][a-z0-9-]*"' '--[a-z0-9-]+'
}

events() { sources -name '*json_sink.cpp' | matches '"event":"[a-z_]+"|put_error\( ?line, "[a-z_]+"' '"[a-z_]+"$'; }

fields() { sources -name '*json_sink.cpp' | matches '"[a-z_]+":|put_field\( ?line_?, "[a-z_]+"' '"[a-z_]+"'; }

counters() {
  cpp | matches 'Metric k[A-Za-z]+\{ ?(\.name = )?"[a-z_]+"' '"[a-z_]+"'
}

# Names of enumerators: causes, errors, outcomes, reasons. (Not of Step, which has whole phrases.)
names() {
  cpp | sed -E 's/case Step::[A-Za-z]+: return "[^"]*"//g' | matches 'case [A-Za-z:]+: return "[A-Za-z_]+"' '"[A-Za-z_]+"'
}

# Reasons of the kernel program to drop, and reasons of loss notices.
reasons() {
  cpp | matches 'case HB_DROP_[A-Z_]+: return \{ ?"[a-z_]+"' '"[a-z_]+"'
  cpp | matches '\.loss = "[a-z_]+"' '"[a-z_]+"'
}

scenarios() { cpp | matches 'Scenario\{ ?"[a-z_]+"' '"[a-z_]+"'; }

measurements() { sources -name measurements.cpp | matches 'Measurement\{ ?"[a-z]+"' '"[a-z]+"'; }

targets() { sources -name targets.cpp | matches '\{\{"[a-z0-9_]+", [0-9]' '"[a-z0-9_]+"'; }

exit_codes() { sources -name exit_code.hpp | matches '= [0-9]+,' '[0-9]+'; }

# --- What the documents have, likewise ---

readmes() { documents README.md | xargs -0 cat; }

documented_flags() { readmes | matches '--[a-z][a-z0-9-]*' '.+'; }

# Names that could be ordinary words must be in `...` or "...".
documented_words() {
  # shellcheck disable=SC2016 # a backquote is what is looked for
  readmes | matches '[`"][a-z]+[`"]' '[a-z]+'
  readmes | matches '[A-Za-z0-9_]+' '.*[A-Z_].*'
}

# Rows of the table below a heading that names exit codes.
documented_exit_codes() {
  readmes | awk '/^#/ { inside = tolower($0) ~ /exit codes/ } inside && /^\| [0-9]+ \|/ { print $2 }'
}

say() {
  echo "docs: $*"
  failed=1
}

# check WHAT SOURCE DOCUMENTED: both are functions.
check() {
  local what=$1 found word
  found=$("$2" | sort -u)
  if [[ -z $found ]]; then
    say "no $what was found in the sources: does this check search the right files?"
    return
  fi
  while read -r word; do
    say "no README.md has the $what $word"
  done < <(comm -23 <(echo "$found") <("$3" | sort -u))
}

check_words() {
  check flag flags documented_flags
  check event events documented_words
  check field fields documented_words
  check counter counters documented_words
  check name names documented_words
  check reason reasons documented_words
  check scenario scenarios documented_words
  check measurement measurements documented_words
  check target targets documented_words
  check 'exit code' exit_codes documented_exit_codes
}

# FILE:LINE<tab>TARGET of every link; code is left out.
links() {
  # shellcheck disable=SC2016 # the dollars are awk's
  documents '*.md' | xargs -0 awk '
    FNR == 1 { fenced = 0 }
    /^ *```/ { fenced = !fenced }
    fenced { next }
    {
      gsub(/`[^`]*`/, "")
      if (match($0, /^ *\[[^]]+\]: /)) print FILENAME ":" FNR "\t" substr($0, RSTART + RLENGTH)
      while (match($0, /\]\([^)]*\)/)) {
        print FILENAME ":" FNR "\t" substr($0, RSTART + 2, RLENGTH - 3)
        $0 = substr($0, RSTART + RLENGTH)
      }
    }'
}

# FILE#ANCHOR of every heading, as GitHub makes them.
anchors() {
  # shellcheck disable=SC2016 # the dollars are awk's
  documents '*.md' | xargs -0 awk '
    FNR == 1 { fenced = 0; split("", seen) }
    /^ *```/ { fenced = !fenced }
    fenced || !/^#+ / { next }
    {
      sub(/^#+ +/, "")
      while (match($0, /\]\([^)]*\)/)) $0 = substr($0, 1, RSTART) substr($0, RSTART + RLENGTH)
      slug = tolower($0)
      gsub(/[^a-z0-9_ -]/, "", slug)
      gsub(/ /, "-", slug)
      print FILENAME "#" slug (seen[slug] ? "-" seen[slug] : "")
      seen[slug]++
    }'
}

check_links() {
  local place target file path anchor known
  known=$(anchors)
  while IFS=$'\t' read -r place target; do
    target=${target%% *}
    case $target in '' | *://* | mailto:*) continue ;; esac
    file=${place%:*}
    path=${target%%#*} anchor=''
    [[ $target != *'#'* ]] || anchor=${target#*#}
    if [[ -z $path ]]; then
      path=$file
    elif [[ $path == /* || ! -e ${file%"${file##*/}"}$path ]]; then
      say "$place: there is no $path"
      continue
    else
      path=$(realpath --relative-to=. "${file%"${file##*/}"}$path")
    fi
    if [[ -n $anchor ]] && ! grep -qxF "$path#$anchor" <<<"$known"; then
      say "$place: $path has no heading #$anchor"
    fi
  done < <(links)
}

# What a newcomer reads first is read in some minutes.
check_length() {
  (($(wc -w <README.md) <= 700)) || say 'README.md has more than 700 words'
}

check_tree() (
  cd "$1"
  failed=0
  check_length
  check_words
  check_links
  exit "$failed"
)

# --- Self-test: violations are added to a copy, and exactly these must be reported ---

plant() { echo "$2" >>"$copy/$1"; }

# refuses FILE LINE SAID: adds the line, and expects this message.
refuses() {
  plant "$1" "$2"
  expected+=("docs: $3")
}

at_end_of() { echo "$1:$(wc -l <"$copy/$1")"; }

refuses_link() {
  plant "$1" "$2"
  expected+=("docs: $(at_end_of "$1"): $3")
}

plant_length() { refuses README.md "$(printf 'word %.0s' {1..700})" 'README.md has more than 700 words'; }

plant_links() {
  refuses_link README.md '[a](userspace/nowhere/README.md)' 'there is no userspace/nowhere/README.md'
  refuses_link bpf/README.md '![a](figure.svg)' 'there is no figure.svg'
  refuses_link bpf/README.md '[a](/README.md)' 'there is no /README.md'
  refuses_link README.md '[a](#no-such-heading)' 'README.md has no heading #no-such-heading'
  refuses_link bpf/README.md '[a](../README.md#budgets)' 'README.md has no heading #budgets'
  refuses_link README.md '[a]: bpf/nothing.md' 'there is no bpf/nothing.md'
  plant README.md '[a](bpf/README.md#budgets) [b](bpf) [c](https://example.com/x#y) [d](#why)'
  # shellcheck disable=SC2016 # it is text
  plant README.md 'In code, `[a](nowhere)` is no link.'
  plant README.md $'```\n[&](int a)\n```'
}

plant_words() {
  local options sink enums counts
  options=$(grep -rl --include='*.cpp' 'add_number(run, "--threshold-ms"' userspace)
  sink=$(find userspace -name json_sink.cpp)
  enums=$(grep -rl 'return "pid_mismatch"' userspace)
  counts=$(grep -rl --include='*.hpp' 'Metric kBeats{"beats_total"' userspace)
  refuses "$options" 'add_number(run, "--leap-years", o.leap_years);' 'no README.md has the flag --leap-years'
  refuses "$options" 'run.add_flag("--threshold", o.threshold);' 'no README.md has the flag --threshold'
  refuses "$sink" 'put(line, R"({{"event":"newborn","pid":{}})");' 'no README.md has the event newborn'
  refuses "$sink" 'put_error(line, "mishap", e.error, 1);' 'no README.md has the event mishap'
  refuses "$sink" 'put(line, R"(,"shoe_size":{})", e.size);' 'no README.md has the field shoe_size'
  refuses "$sink" '  put_field(line, "colour", e.colour);' 'no README.md has the field colour'
  refuses "$counts" 'static constexpr Metric kSheep{"sheep_total", "sheep", "sheep"};' 'no README.md has the counter sheep_total'
  refuses "$counts" $'static constexpr Metric kGoats{\n    .name = "goats_total", .unit = "goats"};' 'no README.md has the counter goats_total'
  refuses "$counts" '    .loss = "burglary"};' 'no README.md has the reason burglary'
  refuses "$counts" $'case HB_DROP_RAIN:\n  return {"rain", "datagrams"};' 'no README.md has the reason rain'
  refuses "$enums" 'case Cause::Weather: return "bad_weather";' 'no README.md has the name bad_weather'
  refuses "$enums" 'case Cause::Sea: return "seasick";' 'no README.md has the name seasick'
  refuses "$(find userspace -name exit_code.hpp)" '  Tired = 77,' 'no README.md has the exit code 77'
  refuses "$(find userspace -name scenarios.cpp)" 'Scenario{"on_the_moon", "", Beat, moon},' \
    'no README.md has the scenario on_the_moon'
  plant "$counts" '// static constexpr Metric kGoat{"goat_total", "goats", "no goats"};'
  plant "$enums" 'std::string text = "--not-a-flag";'
}

# Removes a word from the only document that has it.
take_out() {
  local file=$1 word=$2 what=$3
  grep -v "$word" "$here/$file" >"$copy/$file"
  expected+=("docs: no README.md has the $what $word")
}

says_all_that_is_expected() {
  local said difference
  said=$(check_tree "$copy") && said="nothing is wrong"
  difference=$(diff <(printf '%s\n' "${expected[@]}" | sort) <(sort <<<"$said")) && return
  printf 'self-test: what was expected (<) and what was said (>) differ:\n%s\n' "$difference"
  return 1
}

self_test() {
  check_tree "$here" || return 1
  copy=$(mktemp -d)
  trap 'rm -rf "$copy"' EXIT
  expected=()
  cd "$here"
  tar --exclude=./build --exclude=./.git --exclude=./.cache -cf - . | tar -C "$copy" -xf -
  take_out userspace/recovery/README.md too_many_running name
  take_out userspace/lab/README.md scm_spoof scenario
  plant_length
  plant_words
  plant_links
  says_all_that_is_expected || return 1
  echo "docs: the check finds what it must"
}

case ${1:-} in
  --self-test) self_test ;;
  -*)
    echo "usage: check-docs.sh [TREE | --self-test]" >&2
    exit 2
    ;;
  *)
    check_tree "${1:-$here}" || exit 1
    echo "docs: everything is documented, and every link leads somewhere"
    ;;
esac
