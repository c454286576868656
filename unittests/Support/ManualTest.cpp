//===- ManualTest.cpp - Pages and completions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Manual.h"
#include <gtest/gtest.h>

using namespace nm::support;

namespace {

Manual sample() {
  Manual command;
  command.tool = "nm-x loop";
  command.about = "does it again";
  command.files = {{{}, "action", false, "what", {}, {"once", "twice"}}};
  command.groups = {{"Options", {{{"--loud"}, "", false, "noise", {}, {}}}}};
  Manual manual;
  manual.tool = "nm-x";
  manual.about = "does x - well";
  manual.examples = {"nm-x a.b --kind=red"};
  manual.paragraphs = {".dots and 'quotes' at the front, C:\\back"};
  manual.groups = {
      {"A \"group\"",
       {{{"-o", "--output"}, "file", false, "where", {}, {}},
        {{"--kind"},
         "what",
         false,
         "which",
         {{"red", "warm"}, {"blue", ""}},
         {}},
        {{"--near"}, "name", false, "", {}, {"here"}},
        {{"--help"}, "man|bash", true, "this", {}, {"man", "bash"}}}}};
  manual.commands = {command};
  return manual;
}

TEST(Manual, AManPageHasNoCommandOfTheText) {
  EXPECT_EQ(formatManPage(sample(), "1.2", {"nm-w", "nm-x", "nm-y"}),
            R"(.\" Made from the options of nm-x.
.TH "NM\-X" 1 "" "nm 1.2" "nm manual"
.SH NAME
nm\-x \- does x \- well
.SH SYNOPSIS
\fBnm\-x\fR [\fIoptions\fR]
.br
\fBnm\-x loop\fR [\fIaction\fR] [\fIoptions\fR]
.SH DESCRIPTION
\fBnm\-x\fR does x \- well.
.PP
\&.dots and \(aqquotes\(aq at the front, C:\eback
.SH OPTIONS
.SS "A \(dqgroup\(dq"
.TP
\fB\-o\fR, \fB\-\-output\fR=\fIfile\fR
where
.TP
\fB\-\-kind\fR=\fIwhat\fR
which
.RS
.TP
\fBred\fR
warm
.TP
\fBblue\fR
\&
.RE
.TP
\fB\-\-near\fR=\fIname\fR
\&
.TP
\fB\-\-help\fR[=\fIman|bash\fR]
this
.SH "NM\-X LOOP"
\fBnm\-x loop\fR does it again.
.TP
\fIaction\fR
what
.SS "Options"
.TP
\fB\-\-loud\fR
noise
.SH EXIT STATUS
0 if all that was asked for was done, 1 otherwise; an error says what was found, what was expected and what to try.
.SH ENVIRONMENT
.TP
\fBNO_COLOR\fR
If it is set and not empty, messages are not coloured.
.SH EXAMPLES
.nf
nm\-x a.b \-\-kind=red
.fi
.SH SEE ALSO
.BR nm\-w (1),
.BR nm\-y (1)
)");
}

TEST(Manual, HelpListsCommandsAndOptionalValues) {
  EXPECT_EQ(formatHelp(sample()), R"(nm-x: does x - well

  nm-x a.b --kind=red

.dots and 'quotes' at the front, C:\back

Commands, which stand first and have options of their own:
  loop                        does it again; nm-x loop --help

A "group":
  -o, --output=<file>         where
  --kind=<what>               which
    red                       warm
    blue
  --near=<name>
  --help[=<man|bash>]         this
)");
}

} // namespace
