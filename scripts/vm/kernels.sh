# shellcheck shell=bash
# Which kernels the matrix boots, and how they get here: real Debian cloud kernels, downloaded by the private
# apt of apt.sh, unpacked and never installed. Sourced by vm-matrix.sh after apt.sh.
#
#   $kCache/<source>/vmlinuz, package    the kernel, and the package version it came from
#   $kCache/<source>/apt/                apt's lists and sources for that source alone
#   $kCache/<source>/lock                one fetch at a time
#   $kCache/keyring/                     newer archive keys, when the installed ones were too old

readonly kFreshMinutes=$((24 * 60))
readonly kMetaPackage=linux-image-cloud-amd64

# Row of the matrix | source of the kernel | more kernel command line | how the guest runs the commands
readonly kRows="
5.10          | bullseye |                          | plain
6.1           | bookworm |                          | plain
6.12          | trixie   |                          | plain
newest        | newest   |                          | plain
6.1-lockdown  | bookworm | lockdown=confidentiality | plain
6.12-lockdown | trixie   | lockdown=confidentiality | plain
6.12-pidns    | trixie   |                          | pidns
"

# Source | suites; those with "-security" come from the security archive. The newest version found wins.
readonly kSources="
bullseye | bullseye bullseye-security
bookworm | bookworm bookworm-security
trixie   | trixie trixie-security
newest   | trixie-backports unstable
"

# field TABLE KEY N: the N-th column of the row that starts with KEY, without the padding.
field() {
  awk -F'|' -v key="$2" -v n="$3" '
    { for (i = 1; i <= NF; i++) gsub(/^ +| +$/, "", $i) }
    $1 == key { print $n; found = 1 }
    END { exit !found }' <<<"$1"
}

row_names()   { awk -F'|' 'NF > 1 { gsub(/ /, "", $1); print $1 }' <<<"$kRows"; }
row_source()  { field "$kRows" "$1" 2; }
row_cmdline() { field "$kRows" "$1" 3; }
row_mode()    { field "$kRows" "$1" 4; }

# kernel_package DIR: "PACKAGE VERSION" of the newest kernel. Up to 6.x the image package holds /boot/vmlinuz-*;
# from 7.x it is empty and depends on linux-binary-*, which has the kernel under /usr/lib/modules.
kernel_package() {
  local version image binary
  version=$(newest_version "$1" "$kMetaPackage") || return 1
  image=$(dependency "$1" "$kMetaPackage" "$version" '^linux-image-') || return 1
  binary=$(dependency "$1" "$image" "$version" '^linux-binary-') || binary=$image
  echo "$binary $version"
}

# unpack_kernel DIR PACKAGE VERSION INTO: makes INTO/vmlinuz and INTO/package.
unpack_kernel() {
  local into=$4 vmlinuz
  download "$1" "$2" "$3" "$into" || return 1
  vmlinuz=$(find "$into/tree" -type f \( -name 'vmlinuz-*' -o -name vmlinuz -o -name vmlinuz.unsigned \) | head -n1)
  [[ -n $vmlinuz ]] || { say "  $2 has no vmlinuz"; return 1; }
  mv "$vmlinuz" "$into/vmlinuz"
  touch "$into/vmlinuz"
  echo "$2 $3" >"$into/package"
}

# renew HOME SUITE...: the newest kernel of the suites into HOME, downloaded only if HOME has another.
renew() {
  local home=$1 new package version status=0; shift
  read_suites "$home/apt" "$@" || return 1
  read -r package version < <(kernel_package "$home/apt") || return 1
  if [[ -s $home/vmlinuz && $(<"$home/package") == "$package $version" ]]; then
    touch "$home/vmlinuz"
    return 0
  fi
  say "  $package $version"
  rm -rf "$home"/new.*
  new=$(mktemp -d "$home/new.XXXXXX")
  if unpack_kernel "$home/apt" "$package" "$version" "$new"; then
    mv "$new/vmlinuz" "$new/package" "$home/"
  else
    status=1
  fi
  rm -rf "$new"
  return $status
}

is_fresh() {
  [[ -s $1/vmlinuz && -n $(find "$1/vmlinuz" -mmin "-$kFreshMinutes") ]]
}

# fetch_source NAME REFRESH: provides $kCache/NAME/vmlinuz; uses the network only if it is older
# than a day, and falls back to the older kernel. Run it in a subshell, whose end releases the lock.
fetch_source() {
  local name=$1 refresh=$2 home=$kCache/$1 suites
  suites=$(field "$kSources" "$name" 2)
  mkdir -p "$home"
  exec 9>"$home/lock"
  flock 9
  if ((!refresh)) && is_fresh "$home"; then return 0; fi
  say "looking for the newest kernel of: $suites"
  # shellcheck disable=SC2086 # a list of suites
  renew "$home" $suites && return 0
  [[ -s $home/vmlinuz ]] || { warn "no kernel from $name (HB_DEBIAN_MIRROR names another mirror)"; return 1; }
  warn "$name could not be renewed; using its kernel of $(date -r "$home/vmlinuz" +%F)"
}
