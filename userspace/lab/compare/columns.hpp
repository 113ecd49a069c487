// Columns: one observer for each mechanism, all in this process. For a mechanism that the kernel
// lacks there is a reason instead.
//
// Owns the columns and the kernel program, which is loaded once for all attempts. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "lab/compare/column.hpp"
#include "lab/compare/conclusion.hpp"
#include "lab/compare/sender.hpp"

namespace hb::compare {

class Columns {
 public:
  // Their sockets are made in `directory`. Fails when one cannot be made for another reason than
  // that its mechanism is not available.
  static Result<Columns> open(std::unique_ptr<kernel::StampProgram> program,
                              const std::string& directory);

  void begin();
  Conclusions conclude();

  // nullptr: not available; `missing` says why.
  [[nodiscard]] Column* column(Mechanism mechanism) { return columns_[mechanism].get(); }
  [[nodiscard]] const std::string& reason(Mechanism mechanism) const { return reasons_[mechanism]; }

  // Of the available columns.
  [[nodiscard]] const Sockets& sockets() const { return sockets_; }

 private:
  explicit Columns(std::unique_ptr<kernel::StampProgram> program) : program_(std::move(program)) {}

  std::unique_ptr<kernel::StampProgram> program_;
  ByMechanism<std::unique_ptr<Column>> columns_;
  ByMechanism<std::string> reasons_;
  Sockets sockets_;
};

}  // namespace hb::compare
