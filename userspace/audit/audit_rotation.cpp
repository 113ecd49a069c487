#include "audit/audit_rotation.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cerrno>

namespace hb {
namespace {

constexpr const char* kNext = ".next";

std::string generation(unsigned number) { return "." + std::to_string(number); }

bool exists(const AuditPlace& place, const std::string& suffix) {
  struct stat seen {};
  return ::fstatat(place.directory.get(), (place.name + suffix).c_str(), &seen,
                   AT_SYMLINK_NOFOLLOW) == 0;
}

Result<> rename(const AuditPlace& place, const std::string& from, const std::string& to,
                unsigned flags) {
  const int directory = place.directory.get();
  if (::renameat2(directory, (place.name + from).c_str(), directory, (place.name + to).c_str(),
                  flags) == 0) {
    return ok();
  }
  const int code = errno;
  return os_error(code, "cannot rename " + place.path + from + " to " + place.path + to);
}

// Frees the name PATH.1. Shifts files only up to the first free number, so that repeated attempts
// after an error do not remove one old file each time.
Result<> shift(const AuditPlace& place, unsigned keep) {
  unsigned free = 1;
  while (free < keep && exists(place, generation(free))) ++free;
  for (unsigned to = free; to > 1; --to) {
    if (auto moved = rename(place, generation(to - 1), generation(to), 0); !moved) return moved;
  }
  return ok();
}

Result<AuditFile> open_next(const AuditPlace& place) {
  auto next = AuditFile::open(place, kNext);
  if (!next || next.value().size_bytes() == 0) return next;
  return Error{place.path + kNext + " is in the way of the audit log: move it away", EEXIST};
}

// Between the two renames PATH does not exist. If another process creates it then, we keep our
// file.
Result<> swap_in(const AuditPlace& place) {
  if (auto moved = rename(place, "", generation(1), 0); !moved) return moved;
  auto moved = rename(place, kNext, "", RENAME_NOREPLACE);
  if (moved) return moved;
  const auto back = rename(place, generation(1), "", RENAME_NOREPLACE);
  return back ? moved : back;
}

}  // namespace

Result<> rotate(const AuditPlace& place, AuditFile& file, unsigned keep) {
  if (!file.is_named(place)) {
    return Error{place.path + " was replaced by another file: send SIGHUP", ESTALE};
  }
  auto next = open_next(place);
  if (!next) return next.error();
  if (auto shifted = shift(place, keep); !shifted) return shifted;
  if (auto swapped = swap_in(place); !swapped) return swapped;
  file = std::move(next).value();
  return ok();
}

}  // namespace hb
