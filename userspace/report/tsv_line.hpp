// One event as one line of tab-separated values, for the export file:
//
//   observer_ns kind pid nonce status payload origin pid_ns_inode unix_ns run
//
//   kind                pid      nonce       status                 payload  origin    pid_ns_inode
//   beat                pid      nonce       ok|degraded|critical   payload  origin    sender's
//   stall               pid      last nonce  stall|exited           -        origin    agent's
//   decode              -        -           BadCrc, ...            -        -         -
//   auth_failure        claimed  -           pid_mismatch, ...      -        -         -
//   origin_conflict     claimed  -           -                      -        observed  -
//   namespace_conflict  claimed  -           -                      -        -         sender's
//   io, ctrl_truncated  -        -           ENOMEM, ...            -        -         -
//   loss                whose    -           ring_full, ...         count    -         -
//
// "-": does not apply, or is not known. The status of a stall is its cause: "stall" is a silence,
// "exited" the exit of the process. Fields contain no tabs, newlines, or strings that senders
// choose.
#pragma once

#include <fmt/format.h>

#include "observer/event.hpp"
#include "report/loss.hpp"
#include "report/run_stamp.hpp"

namespace hb {

// The length of the longest line, including its newline.
inline constexpr std::size_t kMaxTsvLineBytes = 256;

// Appends the line. Allocates nothing while `line` has room.
void put_tsv_line(fmt::memory_buffer& line, const Event& event, const RunStamp& stamp);
void put_tsv_line(fmt::memory_buffer& line, const Loss& loss, const RunStamp& stamp);

}  // namespace hb
