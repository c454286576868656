# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A lit format whose tests are the libFuzzer harnesses of the build (config.nm_fuzzers)."""

import os

import lit.Test
import lit.formats
import lit.util


class FuzzFormat(lit.formats.TestFormat):
    """Each harness is one test: its seeds and then a bounded random run on top of them."""

    def getTestsInDirectory(self, suite, path, lit_config, local_config):
        for name in filter(None, local_config.nm_fuzzers):
            yield lit.Test.Test(suite, path + (name,), local_config)

    def execute(self, test, lit_config):
        config, name = test.config, test.path_in_suite[-1]
        work = os.path.join(config.nm_obj_root, "fuzz", "corpus", name)
        seeds = os.path.join(config.nm_src_root, "fuzz", "seeds", name)
        os.makedirs(work, exist_ok=True)
        command = [os.path.join(config.nm_tools_dir, name), work]
        command += [seeds] if os.path.isdir(seeds) else []
        words = os.path.join(config.nm_src_root, "fuzz", "Inputs", f"{name}.dict")
        command += [f"-dict={words}"] if os.path.exists(words) else []
        command += [f"-max_total_time={lit_config.params.get('fuzz-seconds', 10)}", "-timeout=10",
                    "-rss_limit_mb=2048", f"-artifact_prefix={work}-crash-"]
        out, err, code = lit.util.executeCommand(command, env=config.environment)
        return (lit.Test.FAIL if code else lit.Test.PASS,
                "\n".join([" ".join(command), out[-10000:], err[-10000:]]))
