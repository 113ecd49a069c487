#!/usr/bin/env bash
# Draws the figure of the README: the observer's CPU time for a beat, by how many beats come a second.
#
#   hb-ebpf bench --format json >bench.json
#   scripts/figure.sh bench.json >userspace/lab/cpu-per-beat.svg      needs jq and gnuplot
#
# Reads the rows steady/* of the report. `hb-ebpf bench --plot` draws all of it.
set -euo pipefail

readonly kLoads=(100 2000 20000)
readonly kWays=(procfs kernel-socket kernel-ring)

report=${1:?usage: figure.sh BENCH.JSON}

# One line for each load: its number, and the median of each way. A missing row is an error.
rows() {
  # shellcheck disable=SC2016 # the variables are jq's
  jq -r --arg loads "${kLoads[*]}" --arg ways "${kWays[*]}" '
    (.results | map({(.name): .median}) | add) as $median
    | $loads / " " | .[] as $load
    | [$load, ($ways / " " | .[] | "steady/\($load)/\(.)" | $median[.] // error("no row " + .))]
    | join(" ")' "$report"
}

machine() { jq -r '.host | "Linux \(.kernel | split("-")[0]), \(.cores) x \(.cpu), \(.date[:10])"' "$report"; }

data=$(rows) # before gnuplot: a row that is missing ends this script
gnuplot <<PLOT
set terminal svg size 680,360 noenhanced font 'sans-serif,12' background '#ffffff'
\$rows << EOD
$data
EOD
set title "CPU time of the observer for one beat, in microseconds\n$(machine)"
set logscale y
set yrange [0.2:1000]
set ytics (1, 10, 100)
set grid ytics
set xrange [-0.5:2.5]
set xtics ('100 beats/s' 0, '2,000 beats/s' 1, '20,000 beats/s' 2)
set style fill solid 0.85 noborder
set boxwidth 0.24
set key inside right top
plot \$rows using (\$0-0.26):2 with boxes linecolor rgb '#b0b0b0' title 'SCM_CREDENTIALS and /proc', \
     \$rows using (\$0):3 with boxes linecolor rgb '#4c72b0' title 'hb-ebpf, --delivery socket', \
     \$rows using (\$0+0.26):4 with boxes linecolor rgb '#dd8452' title 'hb-ebpf, --delivery ring', \
     \$rows using (\$0-0.26):(\$2*1.25):(sprintf('%.3g', \$2)) with labels notitle, \
     \$rows using (\$0):(\$3*1.25):(sprintf('%.2g', \$3)) with labels notitle, \
     \$rows using (\$0+0.26):(\$4*1.25):(sprintf('%.2g', \$4)) with labels notitle
PLOT
