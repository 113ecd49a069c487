#include "keep/program_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace hb::keep {
namespace {

// 0, or errno.
int open_program(const std::string& path, Fd& file) {
  file.reset(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!file) return errno;
  struct stat seen {};
  if (::fstat(file.get(), &seen) != 0) return errno;
  if (!S_ISREG(seen.st_mode)) return EACCES;
  return ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

std::string search_path() {
  const char* path = std::getenv("PATH");
  return path != nullptr ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

}  // namespace

Result<ProgramFile> ProgramFile::find(const std::string& name) {
  Fd file;
  int code = ENOENT;
  if (name.find('/') != std::string::npos) {
    code = open_program(name, file);
    if (code == 0) return ProgramFile(name, std::move(file));
    return os_error(code, "cannot start " + name);
  }
  const std::string all = search_path();
  for (std::size_t begin = 0; begin <= all.size();) {
    const std::size_t end = std::min(all.find(':', begin), all.size());
    const std::string path = all.substr(begin, end - begin) + "/" + name;
    code = path.front() == '/' && path.size() > 1 ? open_program(path, file) : ENOENT;
    if (end > begin && code == 0) return ProgramFile(path, std::move(file));
    begin = end + 1;
  }
  return os_error(ENOENT, "cannot find " + name + " (PATH)");
}

bool ProgramFile::is_in_place() const {
  struct stat held {};
  struct stat seen {};
  return ::fstat(file_.get(), &held) == 0 && ::stat(path_.c_str(), &seen) == 0 &&
         held.st_dev == seen.st_dev && held.st_ino == seen.st_ino;
}

}  // namespace hb::keep
