//===- Translations.h - What nm-translate translates -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DRIVER_MAIN_TRANSLATIONS_H
#define NM_LIB_DRIVER_MAIN_TRANSLATIONS_H

namespace mlir::nm::driver {

/// Once, before options are declared: each translation is one.
void registerTranslations();

} // namespace mlir::nm::driver

#endif // NM_LIB_DRIVER_MAIN_TRANSLATIONS_H
