#!/usr/bin/env bash
# Installs the Debian packages that are missing, and nothing else. Debian 12 and 13.
#
#   scripts/setup.sh [build] [test] [check]     the purposes; default: all
#
# Needs root or sudo only when something is missing. run.sh, test.sh and check.sh call it.
set -euo pipefail

packages_for() {
  case $1 in
    build)
      echo cmake ninja-build g++ pkgconf clang llvm bpftool libbpf-dev libcap-dev libseccomp-dev \
        libcli11-dev libspdlog-dev libfmt-dev libtomlplusplus-dev nlohmann-json3-dev libssl-dev \
        libncurses-dev libmicrohttpd-dev
      ;;
    test)
      echo libgtest-dev libbenchmark-dev libclang-rt-dev strace procps runc jq gnuplot-nox \
        qemu-system-x86 busybox-static cpio libxml2-utils systemd-container mmdebstrap e2fsprogs spin gcc iproute2 \
        tmux prometheus dpkg-dev file lintian man-db tor haproxy python3-systemd python3-sdnotify systemd
      ;;
    check) echo clang-format clang-tidy shellcheck mmdebstrap ;;
    *)
      echo "setup: there is no purpose '$1'; use build, test or check" >&2
      return 2
      ;;
  esac
}

is_installed() {
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

install_packages() {
  local install=(apt-get install -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@")
  local sudo=()
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      echo "setup: packages are missing, and this is not root and has no sudo. As root, run:" >&2
      echo "  apt-get update && apt-get install --no-install-recommends $*" >&2
      return 1
    fi
    sudo=(sudo)
  fi
  echo "setup: installing $*" >&2
  "${sudo[@]}" apt-get update -qq >/dev/null
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}" </dev/null >/dev/null
  # Tools of the tests, not servers of this machine, which their packages make them.
  local server
  for server in prometheus tor haproxy; do
    if [[ " $* " == *" $server "* && -d /run/systemd/system ]]; then
      "${sudo[@]}" systemctl disable --now "$server" 2>/dev/null || true
    fi
  done
}

main() {
  local group groups=("$@") names package missing=()
  ((${#groups[@]})) || groups=(build test check)
  if ! command -v dpkg-query >/dev/null; then
    echo "setup: this is not Debian; packages are not checked" >&2
    return
  fi
  for group in "${groups[@]}"; do
    names=$(packages_for "$group")
    for package in $names; do
      is_installed "$package" || missing+=("$package")
    done
  done
  if ((${#missing[@]})); then install_packages "${missing[@]}"; fi
}

main "$@"
