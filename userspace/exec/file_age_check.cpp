#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <utility>

#include "exec/check.hpp"

namespace hb::exec {
namespace {

using std::chrono::milliseconds;

// What file systems and clocks may be apart: FAT has times of two seconds.
constexpr milliseconds kApart{2000};

milliseconds since_epoch(const timespec& time) {
  constexpr long kNsPerMs = 1'000'000;
  return milliseconds(std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / kNsPerMs);
}

class FileAgeCheck final : public Check {
 public:
  FileAgeCheck(std::string path, milliseconds most) : path_(std::move(path)), most_(most) {}

  [[nodiscard]] std::string name() const override {
    return "check-file-age " + path_ + "=" + std::to_string(most_.count());
  }

  void begin() override {}

  // A time that is yet to come is no proof of anything.
  std::optional<Result<>> answer() override {
    struct stat file {};
    const int failed = ::stat(path_.c_str(), &file);
    const int code = errno;
    if (failed != 0) return os_error(code, "cannot look at it");
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const milliseconds age = since_epoch(now) - since_epoch(file.st_mtim);
    if (age < -kApart) return Error{"it was changed in the future"};
    if (age <= most_) return ok();
    return Error{"it was changed " + std::to_string(age.count()) + " ms ago"};
  }

 private:
  const std::string path_;
  const milliseconds most_;
};

}  // namespace

std::unique_ptr<Check> check_file_age(std::string path, milliseconds most) {
  return std::make_unique<FileAgeCheck>(std::move(path), most);
}

}  // namespace hb::exec
