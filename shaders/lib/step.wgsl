// What changes from step to step: the only thing uploaded while training. Mirrors `kernels::StepState`.
struct StepState {
    // Philox key of the run.
    seed: vec2<u32>,
    // Steps taken before this one.
    step: u32,
    // Rows of the batch that hold data; the rest of a ragged last batch is zero.
    rows: u32,
    // Place of the batch's first row within the part.
    first: u32,
    // The part's first row in the data set, and its count of rows.
    part_offset: u32,
    part_rows: u32,
    // 1: visit the part in the order of the keyed permutation; 0: in its own order.
    shuffle: u32,
    permutation_keys: vec4<u32>,
    // learning_rate / (1 - beta1^t), and 1 / sqrt(1 - beta2^t): bias corrections of Adam, computed in f64 on the host.
    step_size: f32,
    inv_sqrt_correction: f32,
    learning_rate: f32,
    // Where in the ring of losses this step's loss goes.
    loss_slot: u32,
    // Weights of the objective's parts that may change while training: KL divergence, and sparsity.
    beta: f32,
    sparsity: f32,
    // What the strengths of corruption in the plan are multiplied by.
    corruption: f32,
    // 1 plus the rate that every dropout layer takes; 0 leaves them their own.
    dropout: f32,
}

@group(1) @binding(0) var<uniform> step_state: StepState;
