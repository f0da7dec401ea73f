"""From LLVM IR to numbers.

native           LLVM, the machine, modules of native code
executable       what happens at a call
argument_block   the memory of a call
threads          a pool that shares the examples of a batch
exchange         numbers of Values in and out
"""
