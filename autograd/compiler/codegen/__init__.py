"""From a program to LLVM IR, the text that a machine's code is made from: `lowering.lower` is the way in.

ir               the writer that everything else is written with
schedule         which instruction is done when, and in which piece
memory           which numbers are kept between pieces, and in which slot
chunks           straight code: pieces of some hundred instructions
layers           layers of neurons and their gradients, as multiplications of matrices
ranges, tables   loops over parameters; tables of examples in and out
vector_math      exp and tanh on whole registers
library          functions that are written once, and the modules of all
lowering         pieces into functions, functions into the ways in
argument_block   what generated code and its caller agree on
target           the machine
"""
