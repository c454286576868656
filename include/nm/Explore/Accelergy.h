//===- Accelergy.h - Energies and areas as Accelergy writes them -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The energy and area reference tables of Accelergy (Wu et al., ICCAD 2019), as
// its versions 0.2 to 0.4 write them: `ERT.tables[]` with a component's name
// and its actions (name, arguments, energy in pJ), `ART.tables[]` with its area
// in square micrometres. What they call things is the user's; docs/model.md
// says how components become the figures of a device.
//
//===----------------------------------------------------------------------===//

#ifndef NM_EXPLORE_ACCELERGY_H
#define NM_EXPLORE_ACCELERGY_H

#include "nm/Machine/Device.h"
#include "nm/Support/Options.h"
#include <memory>
#include <optional>

namespace nm::explore {

using support::Result;
using support::Status;

struct AccelergyAction {
  std::string name;
  std::vector<std::pair<std::string, std::string>> arguments;
  double energyPj = 0;
};

struct AccelergyComponent {
  std::string name;  ///< without ranges: chip.PE.mac of chip.PE[0..15].mac
  int64_t count = 1; ///< how many the ranges say
  std::vector<AccelergyAction> actions;
  std::optional<double> areaUm2; ///< of one
};

struct AccelergyTables {
  std::vector<AccelergyComponent> components; ///< in the order of the files
  bool hasEnergies = false, hasAreas = false;
};

/// Adds the tables of a file: an ERT, an ART, or both. Strict: unknown and
/// missing fields, names that come twice, negative figures and ranges that
/// differ between the two are errors that name `where` and the line.
Status readAccelergy(const std::string &text, const std::string &where,
                     AccelergyTables &tables);

/// What of the tables becomes what of a device.
struct AccelergyUse {
  /// "mac=chip.PE.mac:compute/1": FIELD=COMPONENT:ACTIONS/UNITS. Several of a
  /// field add up.
  std::vector<std::string> energies;
  /// "array=chip.PE": whose static power and area components are that begin so.
  std::vector<std::string> units;
  /// Of the tables, for static power; 0: those of the device's clock.
  double cycleSeconds = 0;
};

/// The device with the energies that `use` names, and with static power and
/// areas if the tables have any. `files` name the tables among its sources.
Result<machine::Device> applyAccelergy(machine::Device device,
                                       const AccelergyTables &tables,
                                       const AccelergyUse &use,
                                       const std::string &files);

/// nm-explore accelergy.
class AccelergyCommand {
public:
  AccelergyCommand();
  ~AccelergyCommand();

  support::CommandLine &line();
  /// What the command line, once it is parsed, asks for; the exit code.
  int run();

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace nm::explore

#endif // NM_EXPLORE_ACCELERGY_H
