# shellcheck shell=bash
# Shared by the scripts of the VM matrix; sourced, never run.

say()  { printf '%s\n' "$*" >&2; }
warn() { printf 'vm-matrix: warning: %s\n' "$*" >&2; }
die()  { printf 'vm-matrix: %s\n' "$*" >&2; exit 2; }

# Debian packages by program.
readonly -A kToolPackages=(
  [qemu-system-x86_64]=qemu-system-x86
  [busybox]=busybox-static
  [cpio]=cpio
  [jq]=jq
  [dpkg-deb]=dpkg
  [flock]=util-linux
)

# Installs missing packages if permitted; otherwise prints the command.
need_tools() {
  local tool missing=()
  for tool in "$@"; do
    command -v "$tool" >/dev/null || missing+=("${kToolPackages[$tool]:-$tool}")
  done
  # busybox must be static, as the guest has no libc by default.
  if [[ " $* " == *" busybox "* ]] && ! busybox_is_static; then missing+=(busybox-static); fi
  [[ -s $kInstalledKeyring ]] || missing+=(debian-archive-keyring)
  ((${#missing[@]})) || return 0
  local install=(apt-get install -y --no-install-recommends "${missing[@]}")
  ((EUID == 0)) || die "missing programs; run: sudo ${install[*]}"
  say "installing: ${missing[*]}"
  { apt-get update && DEBIAN_FRONTEND=noninteractive "${install[@]}"; } >&2
}

busybox_is_static() {
  local path
  path=$(command -v busybox) && ! ldd "$path" >/dev/null 2>&1
}
