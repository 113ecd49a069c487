#!/usr/bin/env bash
# Checks which folder of userspace/ may include which others, by the table userspace/layers.txt. The
# linker checks the same for calls (target hb_closed_layers); this checks #includes, as headers have
# inline code and types. Also checks that errno is not passed as an argument (base/result.hpp),
# since the evaluation of other arguments may change it.
#
#   scripts/check-layers.sh [TREE]         checks TREE/userspace (default: this checkout)
#   scripts/check-layers.sh --self-test    plants violations in a copy and demands that each is found
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly here

# The rows of the table.
readonly kTable=userspace/layers.txt

# Reads sources and CMakeLists.txt, named FOLDER/FILE; prints FILE:LINE: WHAT; fails if it printed.
# shellcheck disable=SC2016 # the dollars are awk's
readonly kCheck='
  function say(what) {
    print "userspace/" FILENAME ":" FNR ": " what
    failed = 1
  }
  function is_posix(header) {
    if (header ~ /^linux\/(bpf|btf)\.h$/ || header == "sys/capability.h") return 0
    return header ~ /^((sys|linux|net|netinet|arpa)\/)?[a-z0-9_]+\.h$/
  }
  function may_include(folder, header, quoted) {
    if ((folder, header) in may) return 1
    if (index(header, "/") && (folder, substr(header, 1, index(header, "/"))) in may) return 1
    if (quoted) return 0
    if (header !~ /[.\/]/) return 1
    return (folder, "posix") in may && is_posix(header)
  }
  BEGIN {
    rows = split(house, row, "\n")
    for (i = 1; i <= rows; i++) {
      if (row[i] ~ /^#/ || split(row[i], part, "|") != 3) continue
      split(part[1], name, " ")
      known[name[1]] = 1
      may[name[1], name[1] "/"] = 1
      for (n = split(part[2], word, " "); n > 0; n--) may[name[1], word[n] "/"] = 1
      for (n = split(part[3], word, " "); n > 0; n--) may[name[1], word[n]] = 1
    }
  }
  FNR == 1 {
    folder = substr(FILENAME, 1, index(FILENAME, "/") - 1)
    if (!(folder in known) && !told[folder]++) say(folder " is not in the table userspace/layers.txt")
  }
  !(folder in known) || /^[ \t]*\/\// { next }
  { sub(/[ \t]\/\/.*$/, "") }

  FILENAME ~ /CMakeLists\.txt$/ {
    while (match($0, /hb_[a-z]+/)) {
      layer = substr($0, RSTART + 3, RLENGTH - 3)
      if (layer in known && !((folder, layer "/") in may)) say(folder " may not depend on hb_" layer)
      $0 = substr($0, RSTART + RLENGTH)
    }
    next
  }
  /^[ \t]*#[ \t]*include/ {
    header = $0
    sub(/^[^<"]*[<"]/, "", header)
    sub(/[>"].*$/, "", header)
    if (!may_include(folder, header, $0 ~ /include[ \t]*"/)) say(folder " may not include " header)
  }
  /"\/proc/ || /R"[^(]*\(\/proc/ {
    if (folder != "procfs" && folder != "lab") say("only procfs and lab may name files below /proc")
  }
  /(^|[(,{])[ \t]*-?errno[ \t]*([,)}]|$)/ { say("errno is an argument: save it right after the call") }
  END { exit failed }
'

check_tree() {
  (
    cd "$1/userspace"
    find . -mindepth 2 -type f \( -name '*.[ch]pp' -o -name '*.[ch]' -o -name CMakeLists.txt \) \
      -printf '%P\0' | sort -z | xargs -0 awk -v house="$(<"$here/$kTable")" "$kCheck"
  )
}

# A copy of the tree with one more line at the end of FILE.
planted() {
  local file=$1 line=$2 copy
  copy=$(mktemp -d "$scratch/XXXXXX")
  cp -r "$here/userspace" "$copy/"
  mkdir -p "$copy/userspace/${file%/*}"
  echo "$line" >>"$copy/userspace/$file"
  echo "$copy"
}

refuses() {
  local file=$1 line=$2 expected=$3 copy said
  copy=$(planted "$file" "$line")
  if said=$(check_tree "$copy"); then
    echo "self-test: not found: $line in $file"
    failed=1
  elif [[ $said != "userspace/$file:$(wc -l <"$copy/userspace/$file"): "*"$expected" ]]; then
    printf 'self-test: not said rightly: %s in %s:\n%s\n' "$line" "$file" "$said"
    failed=1
  fi
}

allows() {
  local said
  if ! said=$(check_tree "$(planted "$1" "$2")"); then
    printf 'self-test: refused: %s in %s:\n%s\n' "$2" "$1" "$said"
    failed=1
  fi
}

self_test() {
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  failed=0
  check_tree "$here" || return 1
  refuses identity/verdict.hpp '#include "kernel/stamp_program.hpp"' 'identity may not include kernel/stamp_program.hpp'
  refuses vlp/frame.hpp '#include "identity/identity.hpp"' 'vlp may not include identity/identity.hpp'
  refuses kernel/self_test.cpp '#include "cli/log.hpp"' 'may not include cli/log.hpp'
  refuses observer/event.hpp '#include "../kernel/stamp_program.hpp"' 'may not include ../kernel/stamp_program.hpp'
  refuses observer/event.hpp '#include "tracker.hpp"' 'may not include tracker.hpp'
  refuses observer/clock.hpp '#include <spdlog/spdlog.h>' 'may not include spdlog/spdlog.h'
  refuses observer/clock.hpp '  #  include <unistd.h>' 'may not include unistd.h'
  refuses transport/unix_agent.hpp '#include <bpf/bpf.h>' 'may not include bpf/bpf.h'
  refuses transport/unix_agent.hpp '#include <linux/bpf.h>' 'may not include linux/bpf.h'
  refuses transport/unix_agent.hpp '#include <sys/capability.h>' 'may not include sys/capability.h'
  refuses cli/run.cpp '#include <openssl/evp.h>' 'may not include openssl/evp.h'
  refuses kernel/self_test.cpp '#include "observer/source.hpp"' 'kernel may not include observer/source.hpp'
  refuses kernel/self_test.cpp '#include <spdlog/spdlog.h>' 'kernel may not include spdlog/spdlog.h'
  refuses daemon/run.cpp '#include <CLI/CLI.hpp>' 'daemon may not include CLI/CLI.hpp'
  refuses daemon/run.cpp '#include "lab/mount.hpp"' 'daemon may not include lab/mount.hpp'
  refuses recovery/spawn.cpp '#include <openssl/evp.h>' 'recovery may not include openssl/evp.h'
  refuses transport/udp_listener.hpp '#include "secure/key.hpp"' 'transport may not include secure/key.hpp'
  refuses cli/run.cpp '#include "hb.skel.h"' 'may not include hb.skel.h'
  refuses kernel/self_test.cpp 'const char* file = "/proc/self/status";' 'only procfs and lab may name files below /proc'
  refuses cli/run.cpp 'open("a", R"(/proc/1/stat)");' 'only procfs and lab may name files below /proc'
  refuses newcomer/a.cpp '#include <vector>' 'newcomer is not in the table userspace/layers.txt'
  refuses vlp/CMakeLists.txt 'target_link_libraries(hb_vlp PUBLIC hb_kernel)' 'vlp may not depend on hb_kernel'
  refuses kernel/self_test.cpp 'return os_error(errno, "cannot open " + path);' 'errno is an argument: save it right after the call'
  refuses cli/run.cpp '      errno, "cannot open " + path);' 'errno is an argument: save it right after the call'
  refuses cli/run.cpp 'return Error{"cannot open " + path, errno};' 'errno is an argument: save it right after the call'
  allows cli/run.cpp 'const int code = ::close(fd) == 0 ? 0 : errno;'
  allows cli/run.cpp 'while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {}'
  allows cli/run.cpp 'if (errno != EINTR) return errno;'
  allows kernel/self_test.cpp '#include <linux/bpf.h>'
  allows kernel/self_test.cpp '// "/proc" is not read here'
  allows kernel/self_test.cpp 'int a; // "/proc" is not read here'
  allows cli/run.cpp '#include <linux/capability.h>'
  allows procfs/namespace_link.cpp 'const char* file = "/proc/self/status";'
  ((failed == 0)) || return 1
  echo "layers: the check finds what it must"
}

case ${1:-} in
  --self-test) self_test ;;
  -*)
    echo "usage: check-layers.sh [TREE | --self-test]" >&2
    exit 2
    ;;
  *)
    check_tree "${1:-$here}" || exit 1
    echo "layers: every include keeps to the house, and errno is saved before it is used"
    ;;
esac
