#include "tests/support/ordinary_user.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace hb::test {
namespace {

constexpr int kBinary = 200;  // the descriptor of the binary

void must(bool done) {
  if (!done) ::_exit(72);
}

void open_binary() {
  const int binary = ::open(hb_ebpf({}).front().c_str(), O_PATH | O_CLOEXEC);
  must(binary >= 0 && ::dup3(binary, kBinary, O_CLOEXEC) == kBinary);
}

void bound_to(const std::vector<int>& capabilities) {
  for (int one = 0; ::prctl(PR_CAPBSET_READ, one, 0, 0, 0) >= 0; ++one) {
    const bool stays =
        std::find(capabilities.begin(), capabilities.end(), one) != capabilities.end();
    must(stays || ::prctl(PR_CAPBSET_DROP, one, 0, 0, 0) == 0);
  }
}

void have_only(const std::vector<int>& capabilities) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  for (const int one : capabilities) {
    const std::uint32_t bit = std::uint32_t{1} << (one % 32);
    sets[one / 32].effective |= bit;
    sets[one / 32].permitted |= bit;
    sets[one / 32].inheritable |= bit;
  }
  must(::syscall(SYS_capset, &header, sets) == 0);
  for (const int one : capabilities) {
    must(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, one, 0, 0) == 0);
  }
}

}  // namespace

void become_ordinary(const std::vector<int>& capabilities) {
  open_binary();
  bound_to(capabilities);
  must(::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
  must(::setgroups(0, nullptr) == 0);
  must(::setresgid(kOrdinaryUid, kOrdinaryUid, kOrdinaryUid) == 0);
  must(::setresuid(kOrdinaryUid, kOrdinaryUid, kOrdinaryUid) == 0);
  have_only(capabilities);
  must(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);  // else /proc/self/fd is root's
}

Argv as_ordinary(Argv arguments) {
  arguments.insert(arguments.begin(), "/proc/self/fd/" + std::to_string(kBinary));
  return arguments;
}

Outcome run_to_end_as_ordinary(const Argv& arguments, const std::vector<int>& capabilities) {
  Process process(as_ordinary(arguments), {}, [&] { become_ordinary(capabilities); });
  std::string out;
  while (const auto line = process.next_line()) out += *line + "\n";
  const int code = process.wait();
  return {code, out + process.rest_of_output(), process.errors()};
}

void give_to_ordinary(const std::string& directory) {
  if (::chown(directory.c_str(), kOrdinaryUid, kOrdinaryUid) != 0 ||
      ::chmod(directory.c_str(), 0755) != 0) {
    throw std::runtime_error("giving " + directory + " to the ordinary user");
  }
}

}  // namespace hb::test
