//! Every shader file is WGSL, in every variant that a kernel asks for, and its parameter struct is the Rust one.

use std::path::Path;

use hourglass::device::gpu::{GpuTarget, ShaderRequest, compose, shader_files};
use hourglass::kernels::activation::Activation;
use hourglass::kernels::dense::{DenseBackward, DenseForward, DenseVariant};
use hourglass::kernels::gather::GatherRows;
use hourglass::kernels::loss::{LossBackward, LossForward, ReconstructionLoss};
use hourglass::kernels::optimizer::Adam;
use hourglass::kernels::pointwise::{ActivationBackward, ActivationForward, Add};
use hourglass::kernels::random::RandomUniform;
use hourglass::kernels::reduce::ReduceSum;
use hourglass::kernels::{Kernel, StepState};

fn validate(source: &str, name: &str) -> naga::Module {
    let module =
        naga::front::wgsl::parse_str(source).unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(source)));
    naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::default())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(source)));
    module
}

#[test]
fn the_table_holds_every_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut on_disk = Vec::new();
    for (sub, prefix) in [("", ""), ("lib", "lib/")] {
        for entry in std::fs::read_dir(folder.join(sub)).expect("shaders are there") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "wgsl") {
                on_disk.push(format!("{prefix}{}", path.file_stem().expect("a name").to_string_lossy()));
            }
        }
    }
    on_disk.sort();
    let mut listed: Vec<String> = shader_files().iter().map(|(name, _)| (*name).to_owned()).collect();
    listed.sort();
    assert_eq!(on_disk, listed);
}

#[test]
fn every_file_validates_with_its_defaults() {
    for &(name, _) in shader_files().iter().filter(|(name, _)| !name.starts_with("lib/")) {
        validate(&compose(&ShaderRequest::new(name)).expect("it composes"), name);
    }
}

#[test]
fn a_wrong_request_is_refused() {
    assert!(compose(&ShaderRequest::new("nothing")).is_err());
    assert!(compose(&ShaderRequest::new("gather").constant("NO_SUCH", 1)).is_err());
}

fn kernels() -> Vec<Box<dyn Kernel>> {
    let mut all: Vec<Box<dyn Kernel>> = vec![
        Box::new(Add { count: 5 }),
        Box::new(ReduceSum { count: 5 }),
        Box::new(GatherRows { batch: 2, features: 5, part_rows: 9 }),
        Box::new(Adam { count: 64, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.0 }),
    ];
    for raw_bits in [false, true] {
        all.push(Box::new(RandomUniform { count: 5, stream: 1, low: 0.0, width: 1.0, raw_bits }));
    }
    for activation in Activation::ALL {
        all.push(Box::new(ActivationForward { activation, count: 5 }));
        all.push(Box::new(ActivationBackward { activation, count: 5 }));
        for loss in [ReconstructionLoss::Mse, ReconstructionLoss::Bce] {
            all.push(Box::new(LossForward { loss, batch: 2, features: 3 }));
            all.push(Box::new(LossBackward { loss, batch: 2, features: 3, activation }));
        }
        for variant in [DenseVariant::Direct, DenseVariant::Tiled] {
            for inputs in [3, 4] {
                all.push(Box::new(DenseForward { batch: 2, inputs, outputs: 4, activation, variant }));
                for needs_dinp in [false, true] {
                    let input_activation = activation;
                    all.push(Box::new(DenseBackward {
                        batch: 2,
                        inputs,
                        outputs: 4,
                        needs_dinp,
                        input_activation,
                        variant,
                    }));
                }
            }
        }
    }
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
    let target =
        GpuTarget { software: false, max_binding_bytes: 1 << 27, max_workgroups: 65_535, max_iterations: None };
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
    let source = compose(&ShaderRequest::new("gather")).expect("it composes");
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
    ];
    let rust: Vec<(String, usize)> = rust.map(|(name, offset)| (name.to_owned(), offset)).into();
    assert_eq!(members, rust);
}
