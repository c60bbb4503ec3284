// What happens to a product before it is stored.
//   FORWARD:  activation(sum + bias)           extra [columns]
//   BACKWARD: sum * activation'(saved)         extra [rows, columns]: the output of the activation
//   PLAIN:    the sum itself                   extra is not looked at
const PLAIN: u32 = 0u;
const FORWARD: u32 = 1u;
const BACKWARD: u32 = 2u;
const FINISH: u32 = 0u; // spec
const ACTIVATION: u32 = 0u; // spec
// Start from what is in `out`: the second call of a layer with two inputs.
const ACCUMULATE: bool = false; // spec

// `at`: place of the row's value in `out`; `column` and `count`: its column and how many there are from it on.
fn finish(sum: vec4<f32>, at: u32, column: u32, count: u32) -> vec4<f32> {
    var value = sum;
    if ACCUMULATE { value += load_out(at, count); }
    if FINISH == FORWARD { return activate(ACTIVATION, value + load_extra(column, count)); }
    if FINISH == BACKWARD { return activate_backward(ACTIVATION, value, load_extra(at, count)); }
    return value;
}
