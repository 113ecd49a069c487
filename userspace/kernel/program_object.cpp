#include "kernel/program_object.hpp"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include "hb.skel.h"
#include "hb_without_kfuncs.skel.h"

namespace hb::kernel {
namespace {

// The global variables are at the same places of both objects.
template <typename One, typename Other>
constexpr bool same_bss() {
  return sizeof(One) == sizeof(Other) && offsetof(One, observer) == offsetof(Other, observer) &&
         offsetof(One, counters) == offsetof(Other, counters) &&
         offsetof(One, notices) == offsetof(Other, notices) &&
         offsetof(One, levels) == offsetof(Other, levels) &&
         offsetof(One, echo) == offsetof(Other, echo) &&
         offsetof(One, heritage) == offsetof(Other, heritage) &&
         offsetof(One, progress) == offsetof(Other, progress) &&
         offsetof(One, note_progress) == offsetof(Other, note_progress);
}
using Rodata = hb_program::hb_program__rodata;
using OtherRodata = hb_without_kfuncs::hb_without_kfuncs__rodata;
static_assert(same_bss<hb_program::hb_program__bss, hb_without_kfuncs::hb_without_kfuncs__bss>());
static_assert(sizeof(Rodata) == sizeof(OtherRodata) &&
              offsetof(Rodata, settings) == offsetof(OtherRodata, settings));
// libbpf finds maps and programs by name.
static_assert(sizeof(hb_program::maps) == sizeof(hb_without_kfuncs::maps) &&
              sizeof(hb_program::progs) == sizeof(hb_without_kfuncs::progs));

bool look_for_context_kfuncs() {
  btf* kernel = btf__load_vmlinux_btf();
  if (kernel == nullptr) return false;
  const bool found = btf__find_by_name_kind(kernel, "bpf_cast_to_kern_ctx", BTF_KIND_FUNC) > 0 &&
                     btf__find_by_name_kind(kernel, "bpf_rdonly_cast", BTF_KIND_FUNC) > 0;
  btf__free(kernel);
  return found;
}

// What hb_program__open() does, with the bytes of the other object.
hb_program* open_without_kfuncs() {
  auto* program = static_cast<hb_program*>(std::calloc(1, sizeof(hb_program)));
  if (program == nullptr) return nullptr;
  int error = hb_program__create_skeleton(program);
  if (error == 0) {
    bpf_object_skeleton& skeleton = *program->skeleton;
    skeleton.data = const_cast<void*>(hb_without_kfuncs::elf_bytes(&skeleton.data_sz));
    error = bpf_object__open_skeleton(&skeleton, nullptr);
  }
  if (error == 0) return program;
  hb_program__destroy(program);
  errno = -error;
  return nullptr;
}

}  // namespace

bool has_context_kfuncs() {
  static const bool found = look_for_context_kfuncs();
  return found;
}

hb_program* open_program() {
  return has_context_kfuncs() ? hb_program__open() : open_without_kfuncs();
}

}  // namespace hb::kernel
