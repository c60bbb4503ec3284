//! Every shader file is WGSL, in every variant that a kernel asks for, and its parameter struct is the Rust one.

use std::sync::Arc;

use hourglass::data::ElementType;
use hourglass::device::gpu::{GpuTarget, compose};
use hourglass::kernels::activation::Activation;
use hourglass::kernels::conv::{ConvGather, ConvScatter, ConvShape, ConvWeights, Finish};
use hourglass::kernels::dense::{DenseBackward, DenseForward};
use hourglass::kernels::gemm_variant::GemmVariant;
use hourglass::kernels::half::HalfConversion;
use hourglass::kernels::least::LeastColumns;
use hourglass::kernels::loss::{Loss, LossTerm, ReconstructionLoss};
use hourglass::kernels::optimizer::{Update, UpdateRule};
use hourglass::kernels::partial_sums::SplitK;
use hourglass::kernels::pointwise::{PointwiseKernel, PointwiseStage};
use hourglass::kernels::random::{Distribution, RandomFill};
use hourglass::kernels::shaders::{LIBRARY, shader};
use hourglass::kernels::ssim::{Ssim, SsimStage};
use hourglass::kernels::{Kernel, StepState};
use hourglass::model::{Network, RowSource, presets};

use crate::support::{digit_shape, files_below, repository};

pub fn validate(source: &str, name: &str) -> naga::Module {
    let module =
        naga::front::wgsl::parse_str(source).unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(source)));
    naga::valid::Validator::new(
        naga::valid::ValidationFlags::all(),
        naga::valid::Capabilities::SHADER_FLOAT16_IN_FLOAT32,
    )
    .validate(&module)
    .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(source)));
    module
}

#[test]
fn the_table_holds_every_file() {
    // What the window draws with and the device's probe are no kernels.
    let files =
        files_below("shaders").into_iter().filter(|file| !file.starts_with("window/") && !file.starts_with("device/"));
    let mut on_disk: Vec<String> = files.map(|file| file.trim_end_matches(".wgsl").to_owned()).collect();
    on_disk.sort();
    let mut listed: Vec<String> = LIBRARY.0.iter().map(|(name, _)| (*name).to_owned()).collect();
    listed.sort();
    assert_eq!(on_disk, listed);
}

#[test]
fn every_file_validates_with_its_defaults() {
    for &(name, _) in LIBRARY.0.iter().filter(|(name, _)| !name.starts_with("lib/")) {
        validate(&compose(&shader(name)).expect("it composes"), name);
    }
}

#[test]
fn a_wrong_request_is_refused() {
    assert!(compose(&shader("nothing")).is_err());
    assert!(compose(&shader("gather").constant("NO_SUCH", 1)).is_err());
}

/// Every kernel that every preset's training step calls, and variants that no preset has.
pub fn kernels() -> Vec<Arc<dyn Kernel>> {
    let mut all: Vec<Arc<dyn Kernel>> = Vec::new();
    for preset in presets().expect("they read") {
        let network = Network::new(&preset.spec, digit_shape()).expect("it builds");
        let plan = network
            .training_pass(8, RowSource::Data { rows: 100, part_rows: 80, element: ElementType::Byte })
            .expect("a plan");
        all.extend(plan.calls.into_iter().map(|call| call.kernel));
    }
    for distribution in [Distribution::Bits, Distribution::Normal, Distribution::Uniform { low: 0.0, width: 1.0 }] {
        all.push(Arc::new(RandomFill { count: 5, stream: 1, distribution }));
    }
    for activation in Activation::ALL {
        all.push(Arc::new(PointwiseKernel::one(PointwiseStage::Activate(activation), 5)));
        all.push(Arc::new(PointwiseKernel::one(PointwiseStage::ActivateBackward(activation), 5)));
        for loss in ReconstructionLoss::ALL {
            let term = LossTerm::mean(loss);
            for gradient in [None, Some(activation)] {
                all.push(Arc::new(Loss { term, batch: 2, features: 3, gradient }));
            }
        }
        for variant in [
            GemmVariant::Direct,
            GemmVariant::Wide,
            GemmVariant::Tiled,
            GemmVariant::Small,
            GemmVariant::Large,
            GemmVariant::Skinny,
        ] {
            for inputs in [3, 4] {
                all.push(Arc::new(DenseForward { batch: 2, inputs, outputs: 4, activation, variant }));
                for needs_dinp in [false, true] {
                    let input_activation = activation;
                    all.push(Arc::new(DenseBackward {
                        batch: 2,
                        inputs,
                        outputs: 4,
                        needs_dinp,
                        input_activation,
                        split: SplitK { slots: 1, slot_rows: 2 },
                        variant,
                    }));
                }
            }
        }
    }
    for variant in [GemmVariant::Direct, GemmVariant::Tiled, GemmVariant::Large, GemmVariant::Skinny, GemmVariant::Few]
    {
        let channels = if variant == GemmVariant::Few { [1, 2, 3] } else { [1, 4, 5] };
        for channels in channels {
            let shape = ConvShape {
                batch: 1,
                size: [4; 2],
                channels,
                out_size: [4; 2],
                filters: 8,
                kernel: [3; 2],
                stride: [1; 2],
                padding: [1; 2],
                dilation: 1,
                weight_channels: channels,
                channel_offset: 0,
            };
            for finish in [Finish::Plain, Finish::Forward(Activation::Relu), Finish::Backward(Activation::Tanh)] {
                all.push(Arc::new(ConvScatter { shape, finish, variant }));
                for accumulate in [false, true] {
                    all.push(Arc::new(ConvGather { shape, finish, accumulate, variant }));
                }
            }
            // Few values a pixel may be those of y too.
            let few = ConvShape { filters: 2, channels: channels + 3, weight_channels: channels + 3, ..shape };
            for shape in [shape, few] {
                for sums_bias in [false, true] {
                    all.push(Arc::new(ConvWeights { shape, sums_bias, variant }));
                }
            }
        }
    }
    for rule in
        [UpdateRule::Sgd { momentum: 0.9, nesterov: true }, UpdateRule::Adam { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 }]
    {
        for average in [None, Some(0.9)] {
            let update = Update { rule, count: 64, weight_decay: 0.1, decoupled: false, clipped: true, average };
            all.push(Arc::new(update));
        }
    }
    for stage in [SsimStage::Maps, SsimStage::Sums, SsimStage::Backward] {
        all.push(Arc::new(Ssim { stage, batch: 2, size: [12, 13], channels: 3, weight: 1.0 }));
    }
    for to_whole in [false, true] {
        all.push(Arc::new(HalfConversion { to_whole, count: 5 }));
    }
    all.push(Arc::new(LeastColumns { rows: 3, columns: 70 }));
    all.extend(crate::corruptions::corruption_kernels());
    all
}

fn size_of_binding(module: &naga::Module, group: u32, binding: u32) -> Option<u32> {
    let (_, variable) = module
        .global_variables
        .iter()
        .find(|(_, variable)| variable.binding.is_some_and(|b| b.group == group && b.binding == binding))?;
    Some(module.types[variable.ty].inner.size(module.to_ctx()))
}

#[test]
fn every_variant_validates_and_its_parameters_have_the_size_of_the_rust_struct() {
    let target = GpuTarget {
        tiled: true,
        max_binding_bytes: 1 << 27,
        max_workgroups: 65_535,
        max_iterations: None,
        choices: Arc::default(),
        wrong: Arc::default(),
    };
    for kernel in kernels() {
        let launch = kernel.gpu(&target);
        let name = format!("{} {:?}", kernel.name(), launch.shader);
        let module = validate(&compose(&launch.shader).expect("it composes"), &name);
        assert!(module.entry_points.iter().any(|entry| entry.name == launch.entry_point), "{name}: no entry point");
        let size = size_of_binding(&module, 0, launch.uniform);
        assert_eq!(size.map(|size| size as usize), Some(launch.params.len()), "{name}: parameters");
        if let Some(size) = size_of_binding(&module, 1, 0) {
            assert_eq!(size as usize, size_of::<StepState>(), "{name}: step state");
        }
    }
}

/// Field by field: `kernels::StepState` and `shaders/lib/step.wgsl` agree in offsets.
#[test]
fn the_step_state_has_the_same_offsets() {
    let source = compose(&shader("gather")).expect("it composes");
    let module = validate(&source, "gather");
    let members = module
        .types
        .iter()
        .find(|(_, ty)| ty.name.as_deref() == Some("StepState"))
        .map(|(_, ty)| match &ty.inner {
            naga::TypeInner::Struct { members, .. } => {
                members.iter().map(|m| (m.name.clone().unwrap_or_default(), m.offset as usize)).collect::<Vec<_>>()
            }
            other => panic!("StepState is {other:?}"),
        })
        .expect("StepState is there");
    let rust = [
        ("seed", std::mem::offset_of!(StepState, seed)),
        ("step", std::mem::offset_of!(StepState, step)),
        ("rows", std::mem::offset_of!(StepState, rows)),
        ("first", std::mem::offset_of!(StepState, first)),
        ("part_offset", std::mem::offset_of!(StepState, part_offset)),
        ("part_rows", std::mem::offset_of!(StepState, part_rows)),
        ("shuffle", std::mem::offset_of!(StepState, shuffle)),
        ("permutation_keys", std::mem::offset_of!(StepState, permutation_keys)),
        ("step_size", std::mem::offset_of!(StepState, step_size)),
        ("inv_sqrt_correction", std::mem::offset_of!(StepState, inv_sqrt_correction)),
        ("learning_rate", std::mem::offset_of!(StepState, learning_rate)),
        ("loss_slot", std::mem::offset_of!(StepState, loss_slot)),
        ("beta", std::mem::offset_of!(StepState, beta)),
        ("sparsity", std::mem::offset_of!(StepState, sparsity)),
        ("corruption", std::mem::offset_of!(StepState, corruption)),
        ("dropout", std::mem::offset_of!(StepState, dropout)),
    ];
    let rust: Vec<(String, usize)> = rust.map(|(name, offset)| (name.to_owned(), offset)).into();
    assert_eq!(members, rust);
}

/// What the window draws with has no imports and no constants to specialize.
#[test]
fn the_windows_own_shaders_and_the_probe_validate() {
    for folder in ["shaders/window", "shaders/device"] {
        for file in files_below(folder) {
            let path = repository().join(folder).join(&file);
            validate(&std::fs::read_to_string(&path).expect("text"), &file);
        }
    }
}
