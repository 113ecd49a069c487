#include "lab/compare/columns.hpp"

namespace hb::compare {

Result<Columns> Columns::open(std::unique_ptr<kernel::StampProgram> program,
                              const std::string& directory) {
  Columns columns(std::move(program));
  for (const Mechanism mechanism : kMechanisms) {
    const std::string path = directory + "/" + name(mechanism) + ".sock";
    auto column = Column::open(mechanism, path, *columns.program_);
    if (column) {
      columns.columns_[mechanism] = std::move(column).value();
      columns.sockets_.push_back(path);
    } else if (mechanism == Mechanism::Pidfd) {
      columns.reasons_[mechanism] = column.error().message;
    } else {
      return column.error();
    }
  }
  return columns;
}

void Columns::begin() {
  for (const Mechanism mechanism : kMechanisms) {
    if (columns_[mechanism]) columns_[mechanism]->begin();
  }
}

Conclusions Columns::conclude() {
  Conclusions conclusions;
  for (const Mechanism mechanism : kMechanisms) {
    conclusions[mechanism] =
        columns_[mechanism] ? columns_[mechanism]->conclude() : Conclusion::Unavailable;
  }
  return conclusions;
}

}  // namespace hb::compare
