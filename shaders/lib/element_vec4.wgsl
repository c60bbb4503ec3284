// What an invocation handles where rows are multiples of 4: four neighboring values, counted as one.
alias Element = vec4<f32>;
alias Mask = vec4<bool>;
