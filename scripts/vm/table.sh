#!/usr/bin/env bash
# Prints the matrix of `hb-ebpf compare` as a Markdown table: scenarios down, kernels across, and
# for each kernel the verdict by stamps and by /proc. Reads the matrix.json and */compare.json of a
# vm-matrix.sh run.
#   scripts/vm/table.sh [--columns kernel,procfs,pidfd] OUT [ROW...]
set -euo pipefail

columns=kernel,procfs
if [[ ${1:-} == --columns ]]; then columns=${2:?--columns needs a list}; shift 2; fi
(($# > 0)) || { echo "usage: table.sh [--columns kernel,procfs,pidfd] OUT [ROW...]" >&2; exit 2; }
out=$1; shift
[[ -s $out/matrix.json ]] || { echo "table.sh: $out has no matrix.json; run vm-matrix.sh first" >&2; exit 2; }

rows=("$@")
if ((${#rows[@]} == 0)); then mapfile -t rows < <(jq -r '.rows[].row' "$out/matrix.json"); fi

# One line for each row: its status, and its comparison, or null without one.
for row in "${rows[@]}"; do
  [[ -s $out/$row/status.json ]] || { echo "table.sh: $out has no row $row" >&2; exit 2; }
  comparison=null
  if jq -e .scenarios "$out/$row/compare.json" >/dev/null 2>&1; then comparison=$(<"$out/$row/compare.json"); fi
  jq -c --argjson compare "$comparison" '. + {compare: $compare}' "$out/$row/status.json"
done | jq -rs --arg columns "$columns" --slurpfile matrix "$out/matrix.json" '
  # The row called newest is another kernel every month: its column says which.
  def title: if .row == "newest" then .kernel | split(".")[:2] | join(".") else .row end;
  def line: "| " + join(" | ") + " |";
  def right($s): {auth_failure: "auth failure", namespace_conflict: "namespace conflict"}[$s] // $s;

  # A wrong verdict is shown with its count; a right one is a tick.
  def cell($scenario; $column):
    ($scenario[$column]? // null) as $c
    | if $c == null or $c.verdict == "unavailable" then "–"
      elif $c.wrong > 0 then "**✗** \(right($c.verdict)) \($c.wrong)/\($scenario.repeats)"
      else "✓" end;

  . as $rows
  | ($columns | split(",")) as $columns
  | $matrix[0] as $m
  | (reduce $rows[].compare.scenarios[]? as $s ([]; if any(.[]; .name == $s.name) then . else . + [$s] end))
    as $scenarios
  | (["scenario", "truth"] + [$rows[] | title as $title | $columns[] | "\($title) \(.)"] | line),
    (["---", "---"] + [$rows[] | $columns[] | "---"] | line),
    ($scenarios[] as $s | ["`\($s.name)`", right($s.truth)]
      + [$rows[] | (first(.compare.scenarios[]? | select(.name == $s.name)) // null) as $here
         | $columns[] | cell($here; .)] | line),
    (["scenarios wrong", ""]
      + [$rows[] | (.compare.summary // {}) as $sum | $columns[] | ($sum[. + "_wrong"] // "–" | tostring)] | line),
    "",
    "Measured on \($m.date) with hb-ebpf \($m.version) (\($m.commit)) in QEMU \($m.qemu) (\($rows[0].accel[:3])).",
    "✓ right every time; **✗** what it said instead, and how often; – not available on that kernel.",
    ($rows[] | "\(title): \(if .kernel == "" then "no kernel" else .kernel end)"
      + (if .cmdline != "" then ", `\(.cmdline)`" else "" end)
      + (if .mode == "pidns" then ", observer in a PID namespace of its own" else "" end)
      + "." | "- " + .)
'
