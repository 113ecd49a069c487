// SocketDirectory: the directory of a Unix socket's path, opened once. All that is done with the
// socket's file and its lock goes through this descriptor, so a directory that somebody renames or
// replaces meanwhile changes nothing.
//
// On the way to it, a symbolic link is followed only if nobody but root and we could have put it
// there: otherwise the owner of a directory on the way could lead root to a directory of his choice
// and have a file of the socket's name removed and made there.
//
// Owns the descriptor. One thread, with_address() for the process: it may change the working
// directory meanwhile.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>

#include <cerrno>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

class SocketDirectory {
 public:
  // `path` is the socket's. If only the last directory is missing, it is made (0755) and chowned to
  // `run_as_uid`, provided that its parent is ours and nobody else may write to it, so that nobody
  // can have replaced it meanwhile.
  static Result<SocketDirectory> open(const std::string& path,
                                      std::optional<uid_t> run_as_uid = std::nullopt);

  [[nodiscard]] int fd() const { return directory_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }  // of the socket
  [[nodiscard]] const std::string& name() const { return name_; }  // in this directory

  // Whether the path leads to this directory still.
  [[nodiscard]] bool is_named() const;

  // Calls `call(address)`, with the socket's address for bind(2) or connect(2), which know no
  // directory descriptors; returns 0 or the errno. The address is the whole path where only root
  // and we can change where it leads, else the name alone, for the time of which the directory is
  // the working directory; or, where we could not come back from there, a path by the descriptor.
  template <typename F>
  [[nodiscard]] int with_address(F&& call) const {
    if (leads_one_way_) return call(address_) == 0 ? 0 : errno;
    const WorkingDirectory here(directory_);
    if (here.code() != 0) return call(address_by_descriptor()) == 0 ? 0 : errno;
    return call(short_address_) == 0 ? 0 : errno;
  }

 private:
  class WorkingDirectory {
   public:
    explicit WorkingDirectory(const Fd& directory);
    WorkingDirectory(const WorkingDirectory&) = delete;
    WorkingDirectory& operator=(const WorkingDirectory&) = delete;
    ~WorkingDirectory();
    [[nodiscard]] int code() const { return code_; }  // errno; 0: it is changed

   private:
    const Fd before_;
    int code_ = 0;
  };

  SocketDirectory() = default;
  [[nodiscard]] sockaddr_un address_by_descriptor() const;

  Fd directory_;
  std::string path_;
  std::string name_;
  bool leads_one_way_ = false;
  sockaddr_un address_{};
  sockaddr_un short_address_{};
};

}  // namespace hb
