# shellcheck shell=bash
# Reports the results of the guests. Sourced by vm-matrix.sh.
#
# OUT/<row>/status.json   {"row","kernel","package","mode","cmdline","accel","outcome","boot_ms","duration_ms",
#                          "kernel_warnings","passed",
#                          "steps":[{"name","exit","ms","passed","tests","failed","skipped"}]}
#   outcome: complete, hung, died, missing; exit: null when the step was not reached or was ended with its guest;
#   tests, failed, skipped: null when the step is no gtest binary or left no report
#   kernel_warnings: what the console shows of them while the steps ran; told, not judged
# OUT/matrix.json         {"date","version","commit","qemu","passed","rows":[status.json...]}
# OUT/matrix.junit.xml    every test of every row, its suite named after the row

seconds() { awk -v ms="${1:-0}" 'BEGIN { printf "%.1f", ms / 1000 }'; }

console_lines() { tr -d '\r' | sed 's/^/   | /'; }

# show_trouble DIR: why a guest did not finish, and the end of its console output.
show_trouble() {
  [[ -s $1/trouble ]] || return 0
  echo "-- guest $(<"$1/trouble"); its console ended with:"
  if [[ -s $1/console.log ]]; then
    # A call trace pushes the reason out of the tail.
    head -n -25 "$1/console.log" | { grep -aE -m4 'Oops|BUG:|Kernel panic|RIP: 0010' || true; } | console_lines
    tail -n 25 "$1/console.log" | console_lines
  fi
  if [[ -s $1/qemu.log ]]; then sed 's/^/   qemu: /' "$1/qemu.log"; fi
}

# xml_count FILE PATTERN: how often it occurs; gtest writes several attributes to a line.
xml_count() { { grep -oE "$2" "$1" || true; } | wc -l; }

# step_json DIR STEPS_FILE NAME EXIT MS: the result of one step.
step_json() {
  local dir=$1 name=$2 file=$3 exit=$4 ms=$5 passed=true tests=null failed=null skipped=null xml=$1/$2.xml
  [[ $exit == 0 ]] || passed=false
  [[ $exit =~ ^[0-9]+$ ]] || exit=null
  if [[ $file == *.json ]] && ! jq -e . "$dir/$file" >/dev/null 2>&1; then passed=false; fi
  if [[ $file == "$name.log" && -s $xml ]]; then
    tests=$(xml_count "$xml" '<testcase ')
    failed=$(awk '/<testcase /{ open = 1 } open && /<failure/ { n++; open = 0 } END { print n + 0 }' "$xml")
    skipped=$(xml_count "$xml" '<testcase [^>]*result="skipped"')
  elif [[ $file == "$name.log" ]]; then
    passed=false
  fi
  jq -nc '$ARGS.named' --arg name "$name" --argjson exit "$exit" --argjson ms "$ms" --argjson passed "$passed" \
    --argjson tests "$tests" --argjson failed "$failed" --argjson skipped "$skipped"
}

# steps_json DIR: every step of $kStepList, also those that the guest never reached.
steps_json() {
  local dir=$1 name file exit ms
  while read -r name file; do
    read -r exit ms < <(awk -v n="$name" '$1 == n { print $2, $3; found = 1 } END { if (!found) print "- 0" }' \
      "$dir/steps.tsv" 2>/dev/null || echo "- 0")
    step_json "$dir" "$name" "$file" "$exit" "$ms"
  done <"$work/step-list" | jq -sc .
}

outcome() {
  if [[ -e $1/missing ]]; then echo missing
  elif [[ ! -s $1/trouble ]]; then echo complete
  else sed 's/;.*//' "$1/trouble"; fi
}

kernel_warnings() {
  sed '1,/hb-vm: step/d' "$1/console.log" 2>/dev/null | grep -acE 'WARNING: |BUG: |INFO: task .* blocked' || true
}

# write_status ROW DIR: DIR/status.json
write_status() {
  local row=$1 dir=$2 source
  source=$(row_source "$row")
  jq -n '$ARGS.named | .passed = (.outcome == "complete" and all(.steps[]; .passed))' \
    --arg row "$row" --arg kernel "$(cat "$dir/uname" 2>/dev/null || true)" \
    --arg package "$(cat "$kCache/$source/package" 2>/dev/null || true)" \
    --arg mode "$(row_mode "$row")" --arg cmdline "$(row_cmdline "$row")" --arg accel "${kAccel#-accel }" \
    --arg outcome "$(outcome "$dir")" --argjson boot_ms "$(cat "$dir/boot_ms" 2>/dev/null || echo null)" \
    --argjson duration_ms "$(cat "$dir/duration_ms" 2>/dev/null || echo 0)" \
    --argjson kernel_warnings "$(kernel_warnings "$dir")" --argjson passed null \
    --argjson steps "$(steps_json "$dir")" >"$dir/status.json"
}

# write_matrix_json OUT ROW...: rows that may be missing (--allow-missing) do not fail the matrix.
write_matrix_json() {
  local out=$1 commit version files=(); shift
  commit=$(git -C "$here" describe --always --dirty 2>/dev/null || echo unknown)
  version=$(sed -n 's/^project(hb-ebpf VERSION \([0-9.]*\).*/\1/p' "$here/../CMakeLists.txt" 2>/dev/null)
  files=("${@/#/"$out"/}")
  jq -s '{date: $date, version: $version, commit: $commit, qemu: $qemu,
          passed: all(.[]; .passed or (.outcome == "missing" and (.row | IN($allowed[])))), rows: .}' \
    --arg date "$(date -u +%F)" --arg version "$version" --arg commit "$commit" \
    --arg qemu "$(qemu-system-x86_64 --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p')" \
    --argjson allowed "$(jq -nc '$ARGS.positional' --args "${allow_missing[@]}")" \
    "${files[@]/%//status.json}" >"$out/matrix.json"
}

# suites FILE ROW: the test suites of a JUnit file without its envelope, named after the row.
suites() {
  sed -E -e 's/<\?xml[^>]*\?>//' -e 's,</?testsuites[^>]*>,,g' -e "s,(<testsuite ([^>]* )?name=\"),\1$2/,g" "$1"
}

xml_escape() { tr -cd '\11\12\15\40-\176' | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g; s/"/\&quot;/g'; }

# said DIR STEP: the end of a step's output, without gtest's lines about passed tests.
said() {
  local file
  for file in "$1/$2.log" "$1/$2.stderr"; do
    if [[ -s $file ]]; then { grep -avE '^\[( RUN|  +OK|---|===|  PASSED)|^$' "$file" || true; } | tail -n 40; fi
  done
}

# steps_suite DIR ROW: the steps as a test suite, with the output of failed ones.
steps_suite() {
  local dir=$1 row=$2 name exit ms passed
  printf '<testsuite name="%s/steps" tests="%s" failures="%s">\n' "$row" \
    "$(jq '.steps | length' "$dir/status.json")" \
    "$(jq '[.steps[] | select(.passed | not)] | length' "$dir/status.json")"
  while IFS=$'\t' read -r name exit ms passed; do
    printf '<testcase classname="%s/steps" name="%s" time="%s">\n' "$row" "$name" "$(seconds "$ms")"
    if [[ $passed == false ]]; then
      printf '<failure message="exit %s, guest %s">' "$exit" "$(outcome "$dir")"
      said "$dir" "$name" | xml_escape
      printf '</failure>\n'
    fi
    printf '</testcase>\n'
  done < <(jq -r '.steps[] | [.name, .exit // "none", .ms, .passed] | @tsv' "$dir/status.json")
  printf '</testsuite>\n'
}

# write_matrix_junit OUT ROW...
write_matrix_junit() {
  local out=$1 row file; shift
  {
    echo '<?xml version="1.0" encoding="UTF-8"?>'
    echo '<testsuites>'
    for row in "$@"; do
      if is_skipped_row "$out/$row"; then continue; fi
      steps_suite "$out/$row" "$row"
      for file in "$out/$row"/*.xml; do
        # An incomplete report would make the whole file invalid.
        if grep -qs '</testsuites>' "$file"; then suites "$file" "$row"; fi
      done
    done
    echo '</testsuites>'
  } >"$out/matrix.junit.xml"
}

is_skipped_row() { [[ -e $1/missing ]] && is_allowed_missing "${1##*/}"; }

# print_table OUT: steps down, kernels across.
print_table() {
  jq -r '
    def cell: if .passed then
        (if .tests then "\(.tests - .skipped) ok" else "ok" end)
        + (if .tests and .skipped > 0 then " \(.skipped) skip" else "" end)
      elif .exit == null then "NOT RUN"
      elif .tests and .failed > 0 then "FAIL \(.failed)/\(.tests)"
      elif .exit == 137 then "KILLED"
      else "FAIL \(.exit)" end;
    .rows as $rows
    | (["step"] + [$rows[].row]),
      (["kernel"] + [$rows[] | .kernel | split("-cloud")[0]]),
      ($rows[0].steps | keys[] as $i | [.[$i].name]
        + [$rows[] | if .outcome == "missing" then "-" else .steps[$i] | cell end]),
      (["seconds"] + [$rows[] | .duration_ms / 1000 * 10 | round / 10 | tostring]),
      (if any($rows[]; .kernel_warnings > 0)
       then ["kernel warnings"] + [$rows[].kernel_warnings | tostring] else empty end)
    | @tsv' "$1/matrix.json" |
    awk -F'\t' '
      { for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } n = NF }
      END { for (r = 1; r <= NR; r++) { line = ""
              for (i = 1; i <= n; i++) line = line sprintf("%-" (width[i] + 2) "s", cell[r, i])
              sub(/ +$/, "", line); print line } }'
}

# print_failures OUT ROW...: the output of failed steps, for the CI log.
print_failures() {
  local out=$1 row step; shift
  for row in "$@"; do
    if [[ -s $out/$row/trouble ]]; then echo; echo "$row:"; show_trouble "$out/$row"; fi
    while read -r step; do
      echo; echo "$row: $step: FAILED"
      said "$out/$row" "$step" | sed 's/^/   | /'
    done < <(jq -r '.steps[] | select(.passed | not) | select(.exit) | .name' "$out/$row/status.json")
  done
}

# report_standard_set OUT ROW...: moves the guests' results to OUT, writes all reports; 0 if
# everything passed.
report_standard_set() {
  local out=$1 row; shift
  mkdir -p "$out"
  for row in "$@"; do
    write_status "$row" "$work/$row"
    rm -rf "${out:?}/$row"
    mv "$work/$row" "$out/$row"
  done
  write_matrix_json "$out" "$@"
  write_matrix_junit "$out" "$@"
  print_table "$out"
  print_failures "$out" "$@"
  echo
  echo "results: $out"
  jq -e .passed "$out/matrix.json" >/dev/null
}

# report_command ROW...: the output of an ad-hoc command, row by row; 0 if it was 0 everywhere.
report_command() {
  local row dir status worst=0
  for row in "$@"; do
    dir=$work/$row
    if [[ -e $dir/missing ]]; then
      echo "== $row: no kernel"
      is_allowed_missing "$row" || worst=1
      continue
    fi
    status=$(awk '$1 == "command" { print $2 }' "$dir/steps.tsv" 2>/dev/null || true)
    [[ $status != - ]] || status="none (no time left)"
    printf '== %s (%s): exit %s, %s s\n' "$row" "$(cat "$dir/uname" 2>/dev/null || echo '?')" "${status:-none}" \
      "$(seconds "$(<"$dir/duration_ms")")"
    cat "$dir/command.log" 2>/dev/null || true
    show_trouble "$dir"
    [[ $status == 0 ]] || worst=1
  done
  return $worst
}
