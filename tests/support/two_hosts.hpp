// TwoHosts: a network namespace for the observer, and two more, each linked with it, that stand for
// other hosts. The calling thread is in the first; children inherit it.
//
//   observer 10.77.1.1 fd77:1::1 ---- 10.77.1.2 fd77:1::2 host 1
//            10.77.2.1 fd77:2::1 ---- 10.77.2.2 fd77:2::2 host 2
//
// Needs root, ip(8), nsenter(1) and unshare(1). The destructor ends both hosts and returns.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/own_network.hpp"
#include "tests/support/process.hpp"

namespace hb::test {

class TwoHosts {
 public:
  TwoHosts() {
    if (!network_.is_made()) return;
    is_made_ = run({"ip", "link", "set", "lo", "up"}) && link(1) && link(2);
  }

  [[nodiscard]] bool is_made() const { return is_made_; }

  static std::string observer_at(int host) { return "10.77." + std::to_string(host) + ".1"; }
  static std::string address_of(int host) { return "10.77." + std::to_string(host) + ".2"; }
  static std::string observer_at_v6(int host) { return "fd77:" + std::to_string(host) + "::1"; }
  static std::string address_of_v6(int host) { return "fd77:" + std::to_string(host) + "::2"; }

  // The program on that host, in a PID namespace of its own, where its pid is 2; with its own
  // /proc, in which LeakSanitizer looks for the threads of a program that ends.
  [[nodiscard]] Argv on(int host, const Argv& program) const {
    Argv argv = inside(host, {"unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh",
                              "-c", "\"$@\"; exit $?", "sh"});
    argv.insert(argv.end(), program.begin(), program.end());
    return argv;
  }

 private:
  [[nodiscard]] Argv inside(int host, const Argv& program) const {
    const auto& keeper = *keepers_.at(static_cast<std::size_t>(host) - 1);
    Argv argv{"nsenter", "--net=/proc/" + std::to_string(keeper.pid()) + "/ns/net"};
    argv.insert(argv.end(), program.begin(), program.end());
    return argv;
  }

  static bool run(const Argv& argv) {
    Process process(argv);
    const int code = process.wait();
    EXPECT_EQ(code, 0) << argv[0] << " " << argv[1] << ": " << process.errors();
    return code == 0;
  }

  // The keeper writes its line when it is in its namespace.
  bool link(int host) {
    keepers_.push_back(std::make_unique<Process>(
        Argv{"unshare", "--net", "sh", "-c", "ip link set lo up; echo ready; exec sleep 600"}));
    if (!keepers_.back()->next_line()) return false;
    const std::string name = "host" + std::to_string(host);
    const std::string pid = std::to_string(keepers_.back()->pid());
    return run({"ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", pid}) &&
           run({"ip", "addr", "add", observer_at(host) + "/24", "dev", name}) &&
           run({"ip", "addr", "add", observer_at_v6(host) + "/64", "dev", name, "nodad"}) &&
           run({"ip", "link", "set", name, "up"}) &&
           run(inside(host, {"ip", "addr", "add", address_of(host) + "/24", "dev", "eth0"})) &&
           run(inside(
               host, {"ip", "addr", "add", address_of_v6(host) + "/64", "dev", "eth0", "nodad"})) &&
           run(inside(host, {"ip", "link", "set", "eth0", "up"}));
  }

  OwnNetwork network_;
  bool is_made_ = false;
  std::vector<std::unique_ptr<Process>> keepers_;
};

}  // namespace hb::test
