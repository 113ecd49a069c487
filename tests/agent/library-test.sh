#!/usr/bin/env bash
# Installs libhb-agent into a directory, and builds programs against it in every way that it offers.
#
#   tests/agent/library-test.sh BUILD
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here build=$1

work=$(mktemp -d "${TMPDIR:-/tmp}/hb-agent-library.XXXXXX")
trap 'rm -rf "$work"' EXIT
readonly root=$work/usr/local

failures=0
check() {
  local what=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    echo "ok      $what"
  else
    echo "FAILED  $what"
    cat "$work/log"
    failures=$((failures + 1))
  fi
}

exports_only_its_own() {
  local names
  names=$(nm -D --defined-only "$1")
  [[ $names == *hb_agent_beat* ]] && ! grep -v ' T hb_agent_' <<<"$names"
}

needs_only_libc() { ! readelf -d "$1" | grep NEEDED | grep -v '\[libc\.so\.6\]\|\[ld-linux'; }

# There is no observer, which the program says.
finds_none() { HB_SOCKET=$work/none LD_LIBRARY_PATH=$libraries "$@" | grep -qx 'no observer'; }

main() {
  local library flags
  cmake --install "$build" --prefix "$root" >/dev/null
  library=$(find "$root" -name libhb-agent.so)
  libraries=$(dirname "$library")
  PKG_CONFIG_PATH=$libraries/pkgconfig pkg-config --cflags --libs hb-agent >"$work/flags"
  read -ra flags <"$work/flags"

  check "it exports hb_agent_* alone" exports_only_its_own "$library"
  check "it needs libc alone" needs_only_libc "$library"
  check "its header is C99" gcc -std=c99 -pedantic -Wall -Wextra -Werror "$here/example.c" "${flags[@]}" \
    -o "$work/shared"
  check "the frame's header is C99" gcc -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only -x c \
    "$root/include/hb_frame.h"
  check "a program in C runs" finds_none "$work/shared"
  check "C with the static library" gcc "$here/example.c" -I"$root/include" "$libraries/libhb-agent.a" \
    -o "$work/static"
  check "and runs" finds_none "$work/static"
  check "its wrapper is C++17" g++ -std=c++17 -pedantic -Wall -Wextra -Werror "$here/example.cpp" "${flags[@]}" \
    -o "$work/wrapped"
  check "a program in C++ runs" finds_none "$work/wrapped"
  check "CMake finds it" cmake -S "$here/project" -B "$work/project" -D CMAKE_PREFIX_PATH="$root"
  check "CMake builds with it" cmake --build "$work/project"
  check "and that runs" finds_none "$work/project/example"
  return $((failures > 0))
}

main
