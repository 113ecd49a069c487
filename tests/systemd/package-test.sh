#!/usr/bin/env bash
# Makes the .deb of a build and looks at it.
#
#   tests/systemd/package-test.sh BUILD lintian      lintian has no error for it
#   tests/systemd/package-test.sh BUILD container    package.sh, in a container
#
# 77: it cannot run here (1 if CI is true). hb_package must have been built.
set -euo pipefail

readonly kBuild=$1 kPart=$2
repository=$(realpath "${BASH_SOURCE[0]%/*}/../..")
readonly repository
# shellcheck source=tests/systemd/debian-root.sh
source "$repository/tests/systemd/debian-root.sh"

need cpack dpkg-shlibdeps file lintian
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! (cd "$work" && cpack --config "$kBuild/CPackConfig.cmake" -B "$work" >cpack.log 2>&1); then
  cat "$work/cpack.log"
  exit 1
fi
package=$(echo "$work"/*.deb)
case $kPart in
  lintian) lintian --fail-on error --allow-root "$package" ;;
  container)
    HB_ROOT_PACKAGES=libmicrohttpd12,prometheus,tmux \
      "$repository/tests/systemd/in-container.sh" "$package" "$repository/tests/systemd/package.sh"
    ;;
esac
