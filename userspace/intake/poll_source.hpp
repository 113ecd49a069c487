// PollSource: a descriptor for the run loop's poll(2).
#pragma once

#include "observer/source.hpp"

namespace hb::intake {

// Becomes readable when the observer has something to read.
struct PollSource {
  int fd;
  const Source* source = nullptr;  // what is read then, if it can rest (Source::poll_after_ns)
  bool is_epoll = false;  // an edge-triggered epoll descriptor, to be emptied when it is readable
};

}  // namespace hb::intake
