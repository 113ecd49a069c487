#!/usr/bin/env bash
# Everything that CI checks.
#
#   scripts/check.sh [format] [shell] [layers] [docs] [tidy] [tests]     these parts; default: all
#   scripts/check.sh --fix                                               formats the sources
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Without bpf/, which is in kernel style.
cpp_files() { find userspace tests -type f -name '*.[ch]pp' -print0; }

# Versions format a few lines differently, so only Debian 12's is used.
readonly kClangFormat=14

check_format() {
  local version
  version=$(clang-format --version | sed -E 's/.*version ([0-9]+).*/\1/')
  if ((version != kClangFormat)); then
    echo "format: NOT CHECKED: this is clang-format $version, and $kClangFormat is needed" >&2
    return
  fi
  cpp_files | xargs -0 clang-format --dry-run -Werror
  # clang-format does not reflow comments, as some are tables, so their width is checked here.
  cpp_files | xargs -0 awk '
    length > 100 && /\/\// { print FILENAME ":" FNR ": a comment that is wider than 100 columns"; failed = 1 }
    END { exit failed }'
  echo "format: clang-format has nothing to change"
}

check_shell() {
  # Files that are only sourced have no #! line, and are checked where they are sourced.
  grep -rlE --null '^#!.*bash$' scripts tests .ci |
    xargs -0 shellcheck --external-sources --source-path=SCRIPTDIR
  echo "shell: shellcheck found nothing"
}

check_layers() {
  scripts/check-layers.sh --self-test
  scripts/check-layers.sh
}

check_docs() {
  scripts/check-docs.sh --self-test
  scripts/check-docs.sh
}

# One process per file; the output of each is printed as a block.
check_tidy() {
  scripts/setup.sh build test
  cmake --preset release --log-level=WARNING
  cmake --preset fuzz --log-level=WARNING # nothing else compiles tests/fuzz
  cmake --build --preset release --target hb_skeleton_header
  # shellcheck disable=SC2016 # the inner shell expands it
  find userspace tests -type f -name '*.cpp' -print0 |
    xargs -0 -n 1 -P "$(nproc)" sh -c '
      case $1 in tests/fuzz/*) preset=fuzz ;; *) preset=release ;; esac
      said=$(clang-tidy --quiet -p "build/$preset" "$1" 2>&1) && exit
      printf "%s\n" "$said" >&2
      exit 1' tidy
  echo "tidy: clang-tidy found nothing"
}

check_tests() { scripts/test.sh; }

main() {
  local part parts=("$@")
  if [[ ${1:-} == --fix ]]; then
    cpp_files | xargs -0 clang-format -i
    return
  fi
  ((${#parts[@]})) || parts=(format shell layers docs tidy tests)
  for part in "${parts[@]}"; do
    case $part in
      format | shell | layers | docs | tidy | tests) ;;
      *)
        echo "check: there is no part '$part'; use format, shell, layers, docs, tidy or tests" >&2
        exit 2
        ;;
    esac
  done
  scripts/setup.sh check
  for part in "${parts[@]}"; do "check_$part"; done
}

main "$@"
