#include "lab/id_map.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/fd.hpp"

namespace hb {
namespace {

Result<> write_to(const char* path, const std::string& text) {
  const Fd file(::open(path, O_WRONLY | O_CLOEXEC));
  int code = errno;
  if (!file) return os_error(code, std::string("cannot open ") + path);
  const ssize_t written = ::write(file.get(), text.data(), text.size());
  code = errno;
  if (written < 0) return os_error(code, std::string("cannot write ") + path);
  return ok();
}

}  // namespace

Result<> become_root_inside(uid_t uid, gid_t gid) {
  // The kernel requires this first (user_namespaces(7)).
  if (auto denied = write_to("/proc/self/setgroups", "deny"); !denied) return denied;
  if (auto mapped = write_to("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1"); !mapped) {
    return mapped;
  }
  return write_to("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
}

}  // namespace hb
