// An agent in C++.
#include <hb_agent.hpp>
#include <iostream>

int main() {
  hb::Agent agent;
  std::cout << (agent.beat() ? "no observer" : "observed") << '\n';
}
