// AppendFile: whole lines at the end of a file, by way of a bounded buffer.
//
// A line waits in the buffer until flush(). What the file does not take (the disk is full) stays
// there, so that nothing is lost until the buffer is full; a line of which only a part got into the
// file is cut off it again. Lines that find no room are counted.
//
//   auto file = AppendFile::open(path, run_as_uid);
//   file.append(line) ...  file.flush()    once in a while, and when has_room() says no
//   file.reopen()                          the file was moved away
//
// Owns the descriptor. One thread. Never waits for anything but the disk, allocates only in open()
// and for errors. Expects SIGXFSZ to be ignored.
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

  // `line` ends with its newline, its only one. Without room it is lost.
  void append(std::string_view line);
  [[nodiscard]] bool has_room(std::size_t bytes) const { return bytes <= buffer_.size() - used_; }

  // What went wrong; the rest stays in the buffer.
  Result<> flush();

  // From now on into what has the name now; on an Error, still into what had it before.
  Result<> reopen();

  // Nothing comes any more: what the file did not take is lost.
  void end();

  [[nodiscard]] bool has_pending() const { return used_ > 0; }

  static constexpr Metric kLines{"export_lines_total", "lines",
                                 "whole lines that --export-file has taken"};
  [[nodiscard]] std::uint64_t lines() const { return lines_; }

  static constexpr Metric kLost{.name = "export_lines_lost_total",
                                .unit = "lines",
                                .help = "lines that --export-file did not take",
                                .loss = "export_file"};
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

  [[nodiscard]] const std::string& path() const { return path_; }

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
  // already and could not be cut off.
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::size_t written_ = 0;

  std::uint64_t lines_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace hb
