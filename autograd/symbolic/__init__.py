"""What rules of the table leave behind when they run on symbols: expressions, simplified, and written for a reader.

- `lowering`: an operation in those of a machine, as its forward function says.
- `precedence`: how strongly each operation binds, in one table.
- `notation`: what an expression is, and how it is written in plain text, in LaTeX and in JavaScript.
- `simplify`: runs rules of the table on expressions; redundant parts are left out, choices are decided.
- `formulas`: the operation of a node and its local derivatives as expressions.
- `javascript`: rows of the table as functions of JavaScript.
"""
