// MemoryFile: a regular file without a name, for code that reads files. It can be opened by its
// path while this lives.
#pragma once

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <span>
#include <string>

#include "base/fd.hpp"
#include "tests/fuzz/input.hpp"

namespace hb::fuzz {

class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    require(::fchmod(fd_.get(), 0600) == 0, "there is a file in memory");
  }

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::string path() const { return "/dev/fd/" + std::to_string(fd_.get()); }

  // Nothing else is in it from now on.
  void write(std::string_view text) {
    require(::ftruncate(fd_.get(), 0) == 0 && ::pwrite(fd_.get(), text.data(), text.size(), 0) ==
                                                  static_cast<ssize_t>(text.size()),
            "the file in memory takes the input");
  }

 private:
  const Fd fd_;
};

}  // namespace hb::fuzz
