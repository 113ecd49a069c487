#include "identity/correlator.hpp"

#include <algorithm>
#include <cstring>

#include "identity/stamped_sender.hpp"

namespace hb {
namespace {

FrameBytes bytes_of(const hb_stamp& stamp) {
  FrameBytes bytes;
  std::memcpy(bytes.data(), stamp.frame, bytes.size());
  return bytes;
}

Credentials credentials_of(const hb_stamp& stamp) {
  return {stamp.cred_pid, stamp.cred_uid, stamp.cred_gid};
}

}  // namespace

Correlator::Correlator(const CorrelatorConfig& config)
    : config_(config), table_(config.stamps, config.senders, config.seed), frames_(config.frames) {}

void Correlator::add_stamp(const hb_stamp& stamp, std::uint64_t now_ns) {
  counters_.stamps++;
  const StampKey key = key_of(stamp);
  if (config_.key == PairingKey::SocketBuffer) orphan(table_.remove(key));
  // The clock may have been read long before the ring: a stamp is not older than it says itself.
  const std::uint64_t age_from_ns = std::max(now_ns, std::uint64_t{stamp.ktime_ns});
  const std::uint32_t evicted = table_.add(key, hb::sender_of(stamp), age_from_ns);
  orphan(evicted);
  counters_.evicted += evicted;
  evicted_.grant(counters_.evicted, now_ns);
}

void Correlator::add_receipt(const hb_receipt& receipt) {
  WaitingFrame* frame = waiting_frame(receipt.serial);
  if (frame == nullptr) return;
  const Attestation* stamped = table_.take(skb_key(receipt.skb, frame->bytes));
  if (stamped == nullptr) return;
  counters_.matched++;
  frame->sender = *stamped;
}

// Receipts come in the order of frames; frames and receipts may be missing.
Correlator::WaitingFrame* Correlator::waiting_frame(std::uint64_t serial) {
  for (; receipts_seen_ < waiting_frames_; receipts_seen_++) {
    WaitingFrame& frame = frames_[place_of(receipts_seen_)];
    if (frame.serial == serial) return &frame;
    if (frame.serial > serial) return nullptr;
  }
  return nullptr;
}

void Correlator::add_frame(const Datagram& frame, std::uint64_t serial, std::uint64_t ring_position,
                           std::uint64_t now_ns) {
  const std::size_t last = place_of(waiting_frames_);
  frames_[last] = {frame.bytes, frame.credentials, serial, ring_position, now_ns, std::nullopt};
  waiting_frames_++;
}

std::optional<Correlator::Paired> Correlator::next(std::uint64_t ring_read_to,
                                                   std::uint64_t now_ns) {
  if (waiting_frames_ == 0) return std::nullopt;
  const WaitingFrame& frame = frames_[first_frame_];
  if (ring_read_to < frame.ring_position) return std::nullopt;

  const std::optional<Attestation> sender = sender_of(frame);
  const auto missing = sender ? std::nullopt : explain_missing();
  if (!sender && !missing && now_ns < frame.received_ns + config_.stamp_wait_ns) {
    return std::nullopt;
  }
  first_frame_ = place_of(1);
  waiting_frames_--;
  if (receipts_seen_ > 0) receipts_seen_--;
  return Paired{frame.bytes, sender.value_or(Unattested::NoStamp), missing};
}

// Called only once the ring has been read past the frame, so its stamp, if any, has been read.
std::optional<Correlator::MissingStamp> Correlator::explain_missing() {
  if (kept_.spend()) return MissingStamp::RingFull;
  if (evicted_.spend()) return MissingStamp::Evicted;
  return std::nullopt;
}

std::optional<Attestation> Correlator::sender_of(const WaitingFrame& frame) {
  if (config_.key == PairingKey::SocketBuffer) return frame.sender;
  const bool by_credentials = config_.key == PairingKey::ContentAndCredentials;
  const Attestation* stamped =
      table_.take(content_key(frame.bytes, by_credentials ? frame.credentials : Credentials{}));
  if (stamped == nullptr) return std::nullopt;
  counters_.matched++;
  return *stamped;
}

bool Correlator::expire(std::uint64_t paired_to_ns) {
  if (paired_to_ns < config_.stamp_lifetime_ns) return false;
  const std::uint64_t until_ns = paired_to_ns - config_.stamp_lifetime_ns;
  kept_.expire(until_ns);
  evicted_.expire(until_ns);
  for (std::size_t i = 0; i < kExpiredPerCall; i++) {
    const std::uint32_t stamps = table_.expire_one(until_ns);
    if (stamps == 0) return false;
    orphan(stamps);
  }
  return true;
}

StampKey Correlator::key_of(const hb_stamp& stamp) const {
  switch (config_.key) {
    case PairingKey::ContentAndCredentials:
      return content_key(bytes_of(stamp), credentials_of(stamp));
    case PairingKey::Content: return content_key(bytes_of(stamp), {});
    case PairingKey::SocketBuffer: return skb_key(stamp.skb, bytes_of(stamp));
  }
  return {};
}

}  // namespace hb
