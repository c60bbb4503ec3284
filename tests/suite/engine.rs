//! The engine at its edges: large images in bounded memory, half precision, plans that a device cannot carry out, and
//! every preset on the GPU.

use std::sync::Arc;

use hourglass::data::ImageShape;
use hourglass::device::gpu::GpuTarget;
use hourglass::device::{Device, DeviceChoice};
use hourglass::graph::{BufferView, Executable, GraphError, Location, SharedBuffer, SharedBuffers};
use hourglass::kernels::StepState;
use hourglass::model::{DataShape, Network, RowSource, Spec, preset, presets};
use hourglass::platform::Wait as _;
use hourglass::train::Session;

use crate::support::{Tolerance, cpu, devices, digits, gpu, noise};

/// Four levels, base width 16, skips at each, one gray channel.
fn large_unet() -> Spec {
    let text = r#"
        version = 1
        [model]
        kind = "denoiser"
        latent = 0
        residual = true
        encoder = ["conv 16 3x3 relu", "save a", "conv 32 3x3 stride 2 relu", "save b", "conv 64 3x3 stride 2 relu",
                   "save c", "conv 128 3x3 stride 2 relu"]
        decoder = ["upsample 2", "conv 64 3x3 with c relu", "upsample 2", "conv 32 3x3 with b relu", "upsample 2",
                   "conv 16 3x3 with a relu", "output conv 3x3"]
        [train]
        batch_size = 1
    "#;
    Spec::from_toml(text, "test").expect("the spec is right")
}

/// Resident memory of this process in bytes, where the system tells.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? * 1024)
}

#[test]
fn a_large_image_passes_through_a_unet_in_the_memory_that_the_plan_predicted() {
    const SIDE: usize = 1024;
    const NAME: &str = "engine::a_large_image_passes_through_a_unet_in_the_memory_that_the_plan_predicted";
    const ALONE: &str = "HOURGLASS_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        // In a process of its own: memory of other tests beside it must not be counted.
        let output = std::process::Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", NAME])
            .env(ALONE, "1")
            .output()
            .expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("1 passed"), "{text}");
        return;
    }
    let image = ImageShape { height: SIDE, width: SIDE, channels: 1 };
    let network = Network::new(&large_unet(), DataShape { features: SIDE * SIDE, image: Some(image), classes: 0 })
        .expect("the layers fit");
    let plan = network.training_pass(1, RowSource::Input).expect("a plan");
    let predicted = plan.bytes().activations + plan.bytes().external;
    // 14 activations of 64 MB and their gradients would be 1.8 GB.
    assert!(predicted < 900 << 20, "{} MB", predicted >> 20);
    let x: Vec<f32> = noise(SIDE * SIDE, 7).iter().map(|v| 0.5 + 0.5 * v).collect();
    let parameters = hourglass::nn::initial_parameters(network.parameters(), network.flat_elements(), 1);
    let mut results = Vec::new();
    for device in devices() {
        let before = resident();
        let mut externals = SharedBuffers::default();
        externals.allocate_for(&device, &plan);
        let mut executable = Executable::new(&device, &plan, &externals).expect("it fits");
        externals.write(&device, SharedBuffer::Input, bytemuck::cast_slice(&x)).expect("written");
        externals.write(&device, SharedBuffer::Parameters, bytemuck::cast_slice(&parameters)).expect("written");
        executable.run(&[StepState { rows: 1, ..StepState::default() }]).expect("it runs");
        let bytes = network.flat_elements() * 4;
        let gradient = executable
            .read(BufferView { place: Location::External(SharedBuffer::Gradients), offset: 0, bytes })
            .wait()
            .expect("gradients");
        assert!(gradient.iter().all(|g| g.is_finite()) && gradient.iter().any(|&g| g != 0.0), "{}", device.info());
        if let (Some(before), Some(after)) = (before, resident()) {
            // Unrolled windows of a few hundred places a thread, shaders, and buffers on their way to the device.
            let allowed = predicted + predicted / 5 + (160 << 20);
            let used = after.saturating_sub(before);
            assert!(used < allowed, "{}: {} MB used, {} MB predicted", device.info(), used >> 20, predicted >> 20);
        }
        results.push(gradient);
    }
    if let [on_cpu, on_gpu] = &results[..] {
        // Sums over a million places of f32 values of both signs.
        let scale = on_cpu.iter().fold(0.0_f32, |scale, g| scale.max(g.abs()));
        let worst = on_cpu.iter().zip(on_gpu).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4 * scale, "gradients differ by {worst:e} where the largest is {scale:e}");
    }
}

#[test]
fn f16_storage_takes_less_memory_and_learns_as_well() {
    let spec = |precision: &str| {
        let settings = [format!("engine.precision={precision}"), "train.batch_size=32".to_owned()];
        preset("convolutional-deep").expect("a preset").spec.with_set(&settings).expect("settings")
    };
    for (device, steps) in [(Some(cpu()), 20), (gpu(), 2)] {
        let Some(device) = device else { continue };
        let run = |precision: &str| {
            let mut session = Session::new(spec(precision), digits(), device.clone()).expect("a session");
            session.train(steps).wait().expect("it trains");
            let losses = session.take_losses(true).wait().expect("losses");
            (session.bytes().activations, losses.last().expect("a loss").1)
        };
        let ((whole_bytes, whole), (half_bytes, half)) = (run("f32"), run("f16"));
        assert!(half_bytes < whole_bytes, "{half_bytes} of {whole_bytes} bytes");
        // Half a percent: 16-bit floats keep three digits of each activation, and thousands of them average out.
        Tolerance { absolute: 0.0, relative: 5e-3 }.check("the loss", &[half], &[f64::from(whole)]);
    }
}

#[test]
fn what_a_device_cannot_do_is_refused_by_the_name_of_the_layer() {
    let data = DataShape { features: 784, image: None, classes: 0 };
    let text = "version = 1\n[model]\nencoder = [\"dense 300000 relu\", \"latent\"]\nlatent = 2\n\
                decoder = [\"output sigmoid\"]\n[train]\nbatch_size = 256\n";
    let network = Network::new(&Spec::from_toml(text, "test").expect("right"), data).expect("it builds");
    let plan = network.training_pass(256, RowSource::Input).expect("a plan");
    let small = GpuTarget {
        tiled: false,
        max_binding_bytes: 128 << 20,
        max_workgroups: 65_535,
        max_iterations: Some(60_000),
        choices: Arc::default(),
        wrong: Arc::default(),
    };
    let refused: Vec<String> = plan
        .calls
        .iter()
        .filter_map(|call| call.kernel.gpu(&small).check(&small, &call.label).err())
        .map(|error| error.to_string())
        .collect();
    assert!(refused.iter().any(|message| message.contains("encoder.1")), "{refused:?}");
    assert!(refused.iter().all(|message| message.contains("use ")), "{refused:?}");
    if let Some(device) = gpu().filter(|device| device.info().software) {
        let mut externals = SharedBuffers::default();
        externals.allocate(&device, SharedBuffer::Input, 16);
        let error = Executable::new(&device, &plan, &externals).expect_err("too large");
        assert!(matches!(error, GraphError::Device(_)) && error.to_string().contains("encoder"), "{error}");
    }
}

/// Trains a preset for a few steps on GPU and CPU: their losses agree, and fall.
fn check_training(name: &str) {
    /// A few steps: where sums of f32 are taken in another order, Adam lets traces part by and by.
    const AGREE: Tolerance = Tolerance { absolute: 1e-6, relative: 1e-3 };
    let Some(gpu) = gpu() else { return };
    // The deeper ones take seconds a step on a software GPU.
    let wide = ["convolutional-deep", "unet", "deblurring"].contains(&name);
    let (steps, batch) = if wide { (6, 32) } else { (12, 64) };
    let settings = [format!("train.batch_size={batch}"), "optimizer.learning_rate=0.003".to_owned()];
    let spec = preset(name).expect("a preset").spec.with_set(&settings).expect("settings");
    let losses = |device: Device| {
        let mut session = Session::new(spec.clone(), digits(), device).expect("a session");
        session.train(steps).wait().expect("it trains");
        session.take_losses(true).wait().expect("losses").into_iter().map(|(_, loss)| loss).collect::<Vec<f32>>()
    };
    let (on_gpu, on_cpu) = (losses(gpu), losses(cpu()));
    let cpu64: Vec<f64> = on_cpu.iter().map(|&loss| f64::from(loss)).collect();
    AGREE.check(name, &on_gpu[..4], &cpu64[..4]);
    let (first, last) = (on_gpu[0], on_gpu[steps - 1]);
    // The divergence of a variational model and the like may rise while the whole falls. What begins with a trained
    // model has fallen already.
    let falls = if spec.model.start.is_some() { 1.0 } else { 0.97 };
    assert!(last < falls * first, "{name}: from {first} to {last} in {steps} steps");
}

/// Defines a test for each preset, so that several run at once, and the list of their names.
macro_rules! preset_tests {
    ($($test:ident: $name:literal,)*) => {
        const TESTED_PRESETS: &[&str] = &[$($name),*];

        mod presets_train_on_the_gpu_as_on_the_cpu {
            $(
                #[test]
                fn $test() {
                    super::check_training($name);
                }
            )*
        }
    };
}

preset_tests! {
    undercomplete: "undercomplete",
    map: "map",
    sparse: "sparse",
    sparse_l1: "sparse-l1",
    sparse_kl: "sparse-kl",
    denoising: "denoising",
    denoising_gaussian: "denoising-gaussian",
    denoising_salt_and_pepper: "denoising-salt-and-pepper",
    deblurring: "deblurring",
    variational: "variational",
    variational_2d: "variational-2d",
    beta: "beta",
    free_bits: "free-bits",
    variational_gaussian: "variational-gaussian",
    conditional: "conditional",
    vq: "vq",
    wasserstein: "wasserstein",
    convolutional: "convolutional",
    convolutional_deep: "convolutional-deep",
    convolutional_variational: "convolutional-variational",
    unet: "unet",
    restore: "restore",
    self_restore: "self-restore",
    tied: "tied",
    contractive: "contractive",
}

#[test]
fn every_preset_has_a_test() {
    let names: Vec<&str> = presets().expect("they read").iter().map(|preset| preset.name).collect();
    assert_eq!(names, TESTED_PRESETS, "preset_tests! lists the presets of src/model/presets.rs, in their order");
}

/// Vectors of another width: mistakes about lanes and subgroups would show. The driver reads the width once, so the
/// tests of the kernels run again in processes of their own.
#[test]
fn lavapipe_of_4_and_16_lanes_gives_the_same() {
    const AGAIN: [&str; 5] = [
        "ops::pytorch::ops_agree",
        "ops::pytorch::losses_agree",
        "kernels::dense_",
        "kernels::losses",
        "kernels::optimizers",
    ];
    if gpu().is_none_or(|device| !device.info().software) {
        return;
    }
    for bits in ["128", "512"] {
        let output = std::process::Command::new(std::env::current_exe().expect("this program"))
            .args(AGAIN)
            .env("LP_NATIVE_VECTOR_WIDTH", bits)
            .output()
            .expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{bits} bits: {text} {}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("6 passed"), "{bits} bits: {text}");
    }
}

#[test]
fn memory_of_layers_too_large_for_this_machine_is_refused() {
    let device = Device::open(DeviceChoice::Cpu, Some(1)).expect("threads");
    // Four arrays of so many squared f32 are a fifth more than there is; beyond 65,535 there are too many to count.
    let just_too_many = device.free_bytes().map_or(100_000, |free| ((free / 16) as f64 * 1.2).sqrt() as usize);
    for units in [1_000_000, just_too_many] {
        let text = format!(
            "version = 1\n[model]\nencoder = [\"dense {units} relu\", \"dense {units} relu\", \"latent\"]\n\
             latent = 2\ndecoder = [\"output sigmoid\"]\n"
        );
        let spec = Spec::from_toml(&text, "test").expect("right");
        let error = Session::new(spec, digits(), device.clone()).expect_err("too much").to_string();
        assert!(error.contains("use a smaller"), "{error}");
    }
}
