#include "lab/compare/columns.hpp"

namespace hb::compare {

Result<Columns> Columns::open(std::unique_ptr<kernel::StampProgram> program,
                              const std::string& directory) {
  Columns columns(std::move(program));
  for (const Way way : kWays) {
    const std::string path = directory + "/" + name(way) + ".sock";
    auto column = Column::open(way, path, *columns.program_);
    if (column) {
      columns.columns_[way] = std::move(column).value();
      columns.sockets_.push_back(path);
    } else if (way == Way::Pidfd) {
      columns.reasons_[way] = column.error().message;
    } else {
      return column.error();
    }
  }
  return columns;
}

void Columns::begin() {
  for (const Way way : kWays) {
    if (columns_[way]) columns_[way]->begin();
  }
}

Conclusions Columns::conclude() {
  Conclusions conclusions;
  for (const Way way : kWays) {
    conclusions[way] = columns_[way] ? columns_[way]->conclude() : Conclusion::Unavailable;
  }
  return conclusions;
}

}  // namespace hb::compare
