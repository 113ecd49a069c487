#include "daemon/privileges.hpp"

#include <sys/capability.h>
#include <sys/prctl.h>

#include <cerrno>
#include <memory>

namespace hb::daemon {
namespace {

struct FreeCapabilities {
  void operator()(void* set) const { ::cap_free(set); }
};
using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities>;

// 0, or errno.
int keep_only(const std::vector<int>& kept) {
  const Capabilities rest(::cap_init());
  if (!rest) return errno;
  for (const cap_value_t one : kept) {
    if (!is_permitted(one)) continue;
    ::cap_set_flag(rest.get(), CAP_PERMITTED, 1, &one, CAP_SET);
    ::cap_set_flag(rest.get(), CAP_EFFECTIVE, 1, &one, CAP_SET);
  }
  return ::cap_set_proc(rest.get()) == 0 ? 0 : errno;
}

// 0, or errno.
int set(int option, unsigned long value) {
  return ::prctl(option, value, 0UL, 0UL, 0UL) == 0 ? 0 : errno;
}

}  // namespace

bool is_permitted(int capability) {
  const Capabilities now(::cap_get_proc());
  cap_flag_value_t value = CAP_CLEAR;
  return now && ::cap_get_flag(now.get(), capability, CAP_PERMITTED, &value) == 0 &&
         value == CAP_SET;
}

// Dropping permitted capabilities drops ambient ones too (capabilities(7)).
Result<> drop_privileges(const KeptPrivileges& kept) {
  if (const int code = kept.may_exec ? 0 : set(PR_SET_NO_NEW_PRIVS, 1); code != 0) {
    return os_error(code, "cannot set PR_SET_NO_NEW_PRIVS");
  }
  if (const int code = keep_only(kept.capabilities); code != 0) {
    return os_error(code, "cannot drop capabilities");
  }
  if (const int code = set(PR_SET_DUMPABLE, 0); code != 0) {
    return os_error(code, "cannot clear PR_SET_DUMPABLE");
  }
  return ok();
}

}  // namespace hb::daemon
