"""From LLVM IR to numbers: modules of native code, executables, the memory of a call, threads, numbers of Values."""
