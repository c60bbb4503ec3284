//! Builds a graph of ops by hand: a linear autoencoder of four values through one, whose gradient autodiff adds.

use hourglass::graph::{BufferView, Executable, Graph, Location, Plan, SharedBuffer, SharedBuffers, differentiate};
use hourglass::kernels::StepState;
use hourglass::kernels::activation::Activation::Identity;
use hourglass::kernels::loss::{LossTerm, ReconstructionLoss};
use hourglass::nn::{ObjectivePart, dense, element_loss, initial_parameters};
use hourglass::platform::Wait as _;
use hourglass::{Device, DeviceChoice};

pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: Vec<f32> = (0..32).flat_map(|i| [1.0, -2.0, 0.5, 3.0].map(|x| x * (i as f32 / 16.0 - 1.0))).collect();
    let mut graph = Graph::new();
    let x = graph.external(SharedBuffer::Input, [32, 4]);
    let latent = dense(&mut graph, x, 1, Identity, "encoder")?;
    let output = dense(&mut graph, latent, 4, Identity, "decoder")?;
    let mse = LossTerm::mean(ReconstructionLoss::Mse);
    let loss = element_loss(&mut graph, mse, ObjectivePart::Reconstruction, output, x)?;
    differentiate(&mut graph, &[loss])?;
    let plan = Plan::new(&graph, &[output])?;
    let device = Device::open(DeviceChoice::Cpu, None)?;
    let mut buffers = SharedBuffers::default();
    buffers.allocate_for(&device, &plan);
    buffers.write(&device, SharedBuffer::Input, bytemuck::cast_slice(&rows))?;
    let mut executable = Executable::new(&device, &plan, &buffers)?;
    let mut weights = initial_parameters(graph.parameters(), graph.flat_elements(), 1);
    let gradients =
        BufferView { place: Location::External(SharedBuffer::Gradients), offset: 0, bytes: weights.len() * 4 };
    for _ in 0..500 {
        buffers.write(&device, SharedBuffer::Parameters, bytemuck::cast_slice(&weights))?;
        executable.run(&[StepState { rows: 32, ..StepState::default() }])?;
        let gradient = executable.read(gradients).wait()?;
        weights.iter_mut().zip(gradient).for_each(|(weight, gradient)| *weight -= 0.1 * gradient);
    }
    let made = executable.read(plan.view(output).ok_or("the output is kept")?).wait()?;
    let mse = hourglass::metrics::mse(&made, &rows);
    println!("{} dispatches a step, mean squared error {mse:.2e}", executable.dispatches());
    if mse < 1e-3 { Ok(()) } else { Err("it did not learn".into()) }
}
