// AppendFile: appends whole lines to a file, through a bounded buffer.
//
// Lines are written by flush(). What cannot be written (the disk is full) stays in the buffer; a
// partially written line is removed with ftruncate(2). Lines for which the buffer has no room are
// lost and counted.
//
//   auto file = AppendFile::open(path, run_as_uid);
//   file.append(line) ...  file.flush()    regularly, and when has_room() is false
//   file.reopen()                          the file was moved away
//
// Owns the descriptor. One thread. Blocks on disk writes only; allocates only in open() and for
// errors. Expects SIGXFSZ to be ignored.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/metric.hpp"
#include "base/result.hpp"

namespace hb {

class AppendFile {
 public:
  static constexpr std::size_t kBufferBytes = std::size_t{64} << 10;

  // Created with mode 0600 if missing, then chowned to `run_as_uid`, the user who will have to
  // open it again. Only a regular file that we or run_as_uid own, without further hard links, is
  // appended to; symbolic links are not followed. The Error names the remedy.
  static Result<AppendFile> open(std::string path, std::optional<uid_t> run_as_uid);

  // `line` ends with its only newline. It is lost if there is no room.
  void append(std::string_view line);
  [[nodiscard]] bool has_room(std::size_t bytes) const { return bytes <= buffer_.size() - used_; }

  // On an Error the rest stays in the buffer.
  Result<> flush();

  // Opens the path again; on an Error the old file is kept.
  Result<> reopen();

  // The last call: counts what could not be written as lost.
  void end();

  [[nodiscard]] bool has_pending() const { return used_ > 0; }

  static constexpr Metric kLines{"export_lines_total", "lines",
                                 "whole lines written to --export-file"};
  [[nodiscard]] std::uint64_t lines() const { return lines_; }

  static constexpr Metric kLost{.name = "export_lines_lost_total",
                                .unit = "lines",
                                .help = "lines that could not be written to --export-file",
                                .loss = "export_file"};
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int descriptor() const { return file_.get(); }

 private:
  AppendFile(std::string path, std::optional<uid_t> run_as_uid, Fd file);

  void take_out(std::size_t bytes);
  void cut_torn_line();
  void drop_torn_line();
  [[nodiscard]] bool cut(std::size_t bytes) const;

  std::string path_;
  std::optional<uid_t> run_as_uid_;
  Fd file_;

  // The first `written_` of the `used_` bytes are the beginning of a line that is in the file
  // already and could not be truncated.
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::size_t written_ = 0;

  std::uint64_t lines_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace hb
