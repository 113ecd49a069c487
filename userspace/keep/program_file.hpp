// ProgramFile: the file of a program, held open, so that it can be started again when another file
// has taken its place.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb::keep {

class ProgramFile {
 public:
  // As a shell would find it: by PATH unless `name` has a slash.
  [[nodiscard]] static Result<ProgramFile> find(const std::string& name);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int fd() const { return file_.get(); }
  // Whether its path still leads to it.
  [[nodiscard]] bool is_in_place() const;

 private:
  ProgramFile(std::string path, Fd file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  Fd file_;
};

}  // namespace hb::keep
