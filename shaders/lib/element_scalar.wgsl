// What an invocation handles where rows are of any length: one value.
alias Element = f32;
alias Mask = bool;
