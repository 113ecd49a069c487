# shellcheck shell=bash
# A separate apt configuration: lists, sources and downloads are in one folder
# (DIR below), so that the machine's apt is not changed; all is verified by the Debian archive keys.
# Sourced after common.sh.

readonly kCache=${HB_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hb-ebpf/vm}
readonly kInstalledKeyring=${HB_DEBIAN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}

# mirror main|security: the mirror that this machine's apt uses.
mirror() {
  local override pattern default
  case $1 in
    main)     override=${HB_DEBIAN_MIRROR:-} pattern='/debian/?$' default=http://deb.debian.org/debian ;;
    security) override=${HB_DEBIAN_SECURITY_MIRROR:-} pattern='debian-security/?$'
              default=http://security.debian.org/debian-security
              # A configured mirror has the security archive beside the main one, as deb.debian.org
              # does.
              [[ -z $override && -n ${HB_DEBIAN_MIRROR:-} ]] && override=${HB_DEBIAN_MIRROR%/}-security ;;
  esac
  [[ -n $override ]] && { echo "${override%/}"; return; }
  local found
  # shellcheck disable=SC2016 # apt's variable, not ours
  found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
          grep -E '^https?://' | grep -E -m1 "$pattern") || found=$default
  echo "${found%/}"
}

keyring() {
  local newer=$kCache/keyring/usr/share/keyrings/debian-archive-keyring.gpg
  if [[ -s $newer ]]; then echo "$newer"; else echo "$kInstalledKeyring"; fi
}

# write_apt_setup DIR SUITE...: a complete apt configuration below DIR, with the proxies of the
# machine's configuration, but not its hooks and sources.
write_apt_setup() {
  local dir=$1 suite main security; shift
  mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
  main=$(mirror main) security=$(mirror security)
  for suite in "$@"; do
    local base=$main
    [[ $suite == *-security ]] && base=$security
    echo "deb [arch=amd64 signed-by=$(keyring)] $base $suite main"
  done >"$dir/sources.list"
  cat >"$dir/apt.conf" <<CONF
Dir::State "$dir/state";
Dir::State::status "/dev/null";
Dir::Cache "$dir/cache";
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
APT::Get::List-Cleanup "false";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
APT::Get::AllowUnauthenticated "false";
CONF
}

# read_suite DIR SUITE: one verified suite into DIR's lists.
read_suite() {
  local dir=$1
  write_apt_setup "$@"
  apt-get -c "$dir/apt.conf" -o APT::Update::Error-Mode=any update >"$dir/update.log" 2>&1 && return 0
  if grep -qE 'NO_PUBKEY|Missing key' "$dir/update.log" && [[ $(keyring) == "$kInstalledKeyring" ]]; then
    renew_keyring && { read_suite "$@"; return; }
  fi
  grep -E '^[EW]:' "$dir/update.log" | sed 's/^/  apt: /' >&2
  return 1
}

# Gets the archive's newer keys from a suite that the installed keys verify.
renew_keyring() {
  local suite dir=$kCache/keyring.apt status=1
  say "  signed with a newer key than the installed ones; looking for a newer debian-archive-keyring"
  for suite in trixie bookworm bullseye; do
    write_apt_setup "$dir" "$suite"
    apt-get -c "$dir/apt.conf" -o APT::Update::Error-Mode=any update >"$dir/update.log" 2>&1 || continue
    (cd "$dir" && apt-get -c "$dir/apt.conf" download debian-archive-keyring >>"$dir/update.log" 2>&1) || continue
    rm -rf "$kCache/keyring"
    dpkg-deb -x "$dir"/debian-archive-keyring_*.deb "$kCache/keyring" && { status=0; break; }
  done
  rm -rf "$dir"
  return $status
}

# read_suites DIR SUITE...: reads all available suites into DIR's lists; fails if there was none.
# One at a time, so that a suite that is no longer on the mirror does not fail the others.
read_suites() {
  local dir=$1 suite read=(); shift
  for suite in "$@"; do
    if read_suite "$dir" "$suite"; then read+=("$suite"); else warn "the suite $suite cannot be read"; fi
  done
  ((${#read[@]})) && write_apt_setup "$dir" "${read[@]}"
}

# newest_version DIR PACKAGE: apt's own candidate would prefer by pin, which ranks backports last.
newest_version() {
  local version best=
  while read -r version; do
    [[ -z $best ]] || dpkg --compare-versions "$version" gt "$best" || continue
    best=$version
  done < <(apt-cache -c "$1/apt.conf" madison "$2" | awk '{ print $3 }')
  [[ -n $best ]] && echo "$best"
}

# dependency DIR PACKAGE VERSION PATTERN: the first dependency whose name matches.
dependency() {
  apt-cache -c "$1/apt.conf" show "$2=$3" |
    sed -n 's/^Depends: //p' | sed 's/[,|]/\n/g' | sed 's/^ *//; s/ .*//' | grep -E -m1 "$4"
}

# download DIR PACKAGE VERSION INTO: unpacks one verified package below INTO.
download() {
  local dir=$1 deb
  (cd "$4" && apt-get -c "$dir/apt.conf" download "$2=$3" >"$dir/download.log" 2>&1) ||
    { sed 's/^/  apt: /' "$dir/download.log" >&2; return 1; }
  for deb in "$4"/*.deb; do dpkg-deb -x "$deb" "$4/tree" && rm "$deb"; done
}
