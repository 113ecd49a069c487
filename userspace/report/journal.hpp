// systemd's journal: where it reads what the program writes, and what its entries have beside the
// text (systemd.journal-fields(7)).
#pragma once

#include <fmt/format.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "observer/event.hpp"
#include "observer/service_facts.hpp"

namespace hb::journal {

// As of syslog(3).
enum class Priority { Critical = 2, Error = 3, Warning = 4, Notice = 5, Info = 6, Debug = 7 };

// Whether the descriptor leads there (JOURNAL_STREAM, systemd.exec(5)).
[[nodiscard]] bool is_at(int fd);

// A socket for entries with fields ("Journal Native Protocol"). Not sd_journal_sendv(3): it waits
// when the journal does not read.
[[nodiscard]] Result<Fd> open();

// Separates the fields of an entry where each entry is one line: Outlet sends it as a newline.
inline constexpr char kSeparator = '\x1f';

// The beginning of an entry, up to its text: PRIORITY, HB_EVENT, HB_PID and HB_SERVICE as far as
// they are known. `service` may be nullptr.
void put_fields(fmt::memory_buffer& line, const Event& event, const ServiceFacts* service);
// The same for what is no Event.
void put_fields(fmt::memory_buffer& line, const char* event, Priority priority);

}  // namespace hb::journal
