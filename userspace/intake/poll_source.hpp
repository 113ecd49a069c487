// PollSource: a descriptor for the run loop's poll(2).
#pragma once

#include "observer/source.hpp"

namespace hb::intake {

// Becomes readable when there is something for the observer to read.
struct PollSource {
  int fd;
  const Source* source = nullptr;  // set if its poll_after_ns() is to be respected
  bool is_epoll =
      false;  // an edge-triggered epoll descriptor: call epoll_wait(2) when it is readable
};

}  // namespace hb::intake
