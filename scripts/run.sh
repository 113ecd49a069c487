#!/usr/bin/env bash
# Installs missing packages, builds, and shows the main job with real processes (demo.sh). Debian 12
# and 13, as root or with sudo; no arguments.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh build
# Tests need more packages; test.sh installs them, and uses the same build folder.
cmake --preset release -D BUILD_TESTING=OFF --log-level=WARNING
cmake --build --preset release --target hb-ebpf hb-agent

if ((EUID == 0)); then
  exec scripts/demo.sh build/release/hb-ebpf
fi
exec sudo scripts/demo.sh build/release/hb-ebpf
