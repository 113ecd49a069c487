#include "daemon/metrics.hpp"

#include <array>

#include "audit/audit_log.hpp"
#include "daemon/publish_member.hpp"
#include "daemon/reach_member.hpp"
#include "daemon/sandbox.hpp"
#include "daemon/watchdog.hpp"
#include "kernel/stamp_counters.hpp"
#include "observer/counters.hpp"
#include "recovery/recovery.hpp"
#include "report/append_file.hpp"
#include "report/line_writer.hpp"
#include "secure/sender_table.hpp"
#include "transport/udp_listener.hpp"

namespace hb::daemon {
namespace {

using kernel::StampCounters;
using secure::SenderTable;

constexpr std::array kAll = {
    &Counters::kReceptions,
    &Counters::kBeats,
    &Counters::kStalls,
    &Counters::kDecodeErrors,
    &Counters::kAuthFailures,
    &Counters::kNamespaceConflicts,
    &Counters::kOriginConflicts,
    &Counters::kOriginTakeovers,
    &Counters::kIoErrors,
    &Counters::kCtrlTruncated,
    &Counters::kOutOfOrder,
    &Counters::kPidRecycled,
    &Counters::kSessionsRestarted,
    &Counters::kFramesDropped,
    &Counters::kTrackerEvicted,
    &Counters::kTrackerFull,
    &Counters::kUnheard,
    &Counters::kExits,
    &Counters::kExitsUntracked,
    &Counters::kClockJumps,
    &Counters::kNotices,
    &Counters::kNotifyLines,
    &Counters::kNotifyCredentialsIgnored,
    &StampCounters::kAttempts,
    &StampCounters::kStamps,
    &CorrelatorCounters::kMatched,
    &CorrelatorCounters::kOrphaned,
    &CorrelatorCounters::kEvicted,
    &StampCounters::kWaiting,
    &StampCounters::kMalformed,
    &StampCounters::kDropped,
    &StampCounters::kKeptUnstamped,
    &StampCounters::kReceiptsLost,
    &StampCounters::kExits,
    &StampCounters::kExitsLost,
    &UdpListener::kDrops,
    &SenderTable::kSenders,
    &SenderTable::kForgotten,
    &AppendFile::kLines,
    &AppendFile::kLost,
    &RecoveryCounters::kOutcomes,
    &RecoveryCounters::kRefusals,
    &RecoveryCounters::kChanges,
    &RecoveryCounters::kUnaudited,
    &RecoveryCounters::kUnrecorded,
    &RecoveryCounters::kUnprepared,
    &AuditLog::kResumed,
    &LineWriter::kEventsLost,
    &LineWriter::kLogLinesLost,
    &Watchdog::kInterrupts,
    &ReachMember::kUnreachable,
    &ReachMember::kRebound,
    &Sandbox::kDenied,
    &PublishMember::kLost,
};

}  // namespace

std::span<const Metric* const> all_metrics() { return kAll; }

}  // namespace hb::daemon
