# shellcheck shell=bash
# Packs an initramfs: busybox, the guest's scripts, and any programs with the libraries they need, each at the
# path it has on this machine. Sourced by vm-matrix.sh after common.sh.

readonly kGuestDir=${BASH_SOURCE[0]%/*}

# new_root DIR: the skeleton, with the merged-usr links of Debian so that every library finds its own place.
new_root() {
  local root=$1 dir
  mkdir -p "$root"/{usr/{bin,sbin,lib,lib64,local/bin},proc,sys,dev,run,tmp,etc,root,mnt,vm,var/tmp}
  for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$root/$dir"; done
  ln -s ../run "$root/var/run"
  cp "$(command -v busybox)" "$root/usr/bin/busybox"
  install -m 755 "$kGuestDir/guest-init" "$root/init"
  install -m 755 "$kGuestDir/guest-run" "$root/vm/guest-run"
  printf '%s\n' root:x:0:0::/root:/bin/sh daemon:x:1:1::/:/bin/false nobody:x:65534:65534::/:/bin/false \
    >"$root/etc/passwd"
  printf '%s\n' root:x:0: daemon:x:1: nogroup:x:65534: >"$root/etc/group"
  cp /etc/ld.so.cache "$root/etc/"   # the same libraries at the same paths, for those in unusual places
  printf '127.0.0.1 localhost guest\n' >"$root/etc/hosts"
}

# libraries_of FILE: the paths that the dynamic linker would open, itself included; nothing for a static one.
libraries_of() {
  ldd "$1" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' || true
}

# add_path ROOT PATH: a file (with its libraries) or a whole folder, under the same absolute name.
add_path() {
  local root=$1 path=$2 library
  [[ $path == /* && -e $path ]] || die "cannot pack $path: no such absolute path"
  mkdir -p "$root${path%/*}"
  if [[ -d $path ]]; then cp -a "$path" "$root${path%/*}/"; return; fi
  cp -L --preserve=mode,timestamps "$path" "$root$path"
  for library in $(libraries_of "$path"); do
    [[ -e $root$library ]] && continue
    mkdir -p "$root${library%/*}"
    cp -L --preserve=mode "$library" "$root$library"
  done
}

# pack ROOT FILE: uncompressed, because unpacking costs an emulated CPU more than copying does.
pack() {
  (cd "$1" && find . -print0 | cpio --null --create --format=newc --owner=+0:+0 --quiet) >"$2"
}
