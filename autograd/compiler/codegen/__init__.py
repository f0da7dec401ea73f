"""From a program to LLVM IR: the text that a machine's code is made from. `lowering.lower` is the way in."""
