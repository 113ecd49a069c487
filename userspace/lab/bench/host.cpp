#include "lab/bench/host.hpp"

#include <sched.h>
#include <sys/utsname.h>

#include <array>
#include <ctime>

#include "base/build.hpp"
#include "lab/cpu_model.hpp"

namespace hb::bench {
namespace {

std::string kernel_release() {
  utsname system{};
  ::uname(&system);
  return system.release;
}

unsigned usable_cores() {
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof(cores), &cores) != 0) return 0;
  return static_cast<unsigned>(CPU_COUNT(&cores));
}

std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

}  // namespace

Host this_host() {
  return {kernel_release(), cpu_model(), usable_cores(), date_now(), build_version(), revision()};
}

}  // namespace hb::bench
