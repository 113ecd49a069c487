#include "keep/kept_descriptors.hpp"

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace hb::keep {
namespace {

bool is_same_file(int one, int other) {
  const auto self = static_cast<unsigned long>(::getpid());
  return ::syscall(SYS_kcmp, self, self, static_cast<unsigned long>(KCMP_FILE),
                   static_cast<unsigned long>(one), static_cast<unsigned long>(other)) == 0;
}

}  // namespace

KeptDescriptors::Kept KeptDescriptors::keep(const std::string& name, Fd fd) {
  const auto is_it = [&](const NamedFd& kept) {
    return kept.name == name && is_same_file(kept.fd.get(), fd.get());
  };
  if (std::any_of(kept_.begin(), kept_.end(), is_it)) return Kept::Already;
  if (kept_.size() >= kMostKept) return Kept::NoRoom;
  kept_.push_back({name, std::move(fd)});
  return Kept::Yes;
}

std::size_t KeptDescriptors::forget(const std::string& name) {
  return std::erase_if(kept_, [&](const NamedFd& kept) { return kept.name == name; });
}

}  // namespace hb::keep
