// A thread that beats as long as the work goes on.
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <cerrno>

#include "agent/agent.hpp"

namespace hb::agent {
namespace {

timespec from_now(std::uint32_t interval_ms) {
  timespec then;
  ::clock_gettime(CLOCK_MONOTONIC, &then);
  then.tv_sec += interval_ms / 1000;
  then.tv_nsec += static_cast<long>(interval_ms % 1000) * 1'000'000;
  if (then.tv_nsec >= 1'000'000'000) {
    ++then.tv_sec;
    then.tv_nsec -= 1'000'000'000;
  }
  return then;
}

// True: the ticker ends.
bool wait(Ticker& ticker) {
  const timespec then = from_now(ticker.interval_ms);
  ::pthread_mutex_lock(&ticker.mutex);
  while (!ticker.ends &&
         ::pthread_cond_timedwait(&ticker.is_over, &ticker.mutex, &then) != ETIMEDOUT) {
  }
  const bool ends = ticker.ends;
  ::pthread_mutex_unlock(&ticker.mutex);
  return ends;
}

void* tick(void* of) {
  auto& agent = *static_cast<hb_agent*>(of);
  std::uint64_t seen = agent.session->progress.load();
  beat(agent, agent.ticker_beat);
  while (!wait(agent.ticker)) {
    const std::uint64_t progress = agent.session->progress.load();
    if (progress == seen) continue;
    seen = progress;
    beat(agent, agent.ticker_beat);
  }
  return nullptr;
}

// The program's signals are for its own threads.
int start_thread(hb_agent& agent) {
  sigset_t all;
  sigset_t present;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &present);
  const int code = ::pthread_create(&agent.ticker.thread, nullptr, tick, &agent);
  ::pthread_sigmask(SIG_SETMASK, &present, nullptr);
  return code;
}

void make_condition(Ticker& ticker) {
  pthread_condattr_t attributes;
  ::pthread_condattr_init(&attributes);
  ::pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  ::pthread_cond_init(&ticker.is_over, &attributes);
  ::pthread_condattr_destroy(&attributes);
  ::pthread_mutex_init(&ticker.mutex, nullptr);
}

}  // namespace
}  // namespace hb::agent

using namespace hb::agent;

int hb_agent_start_ticker(hb_agent* agent, std::uint32_t interval_ms) {
  Ticker& ticker = agent->ticker;
  if (interval_ms == 0) return -EINVAL;
  if (agent->session->has_ticker.exchange(true)) return -EALREADY;
  make_condition(ticker);  // anew in a child, where the parent's may be locked
  ticker.ends = false;
  ticker.interval_ms = interval_ms;
  const int code = start_thread(*agent);
  if (code != 0) agent->session->has_ticker = false;
  return -code;
}

void hb_agent_stop_ticker(hb_agent* agent) {
  Ticker& ticker = agent->ticker;
  if (!agent->session->has_ticker) return;
  ::pthread_mutex_lock(&ticker.mutex);
  ticker.ends = true;
  ::pthread_cond_signal(&ticker.is_over);
  ::pthread_mutex_unlock(&ticker.mutex);
  ::pthread_join(ticker.thread, nullptr);
  agent->session->has_ticker = false;
}

void hb_agent_progress(hb_agent* agent) {
  agent->session->progress.fetch_add(1, std::memory_order_relaxed);
}
