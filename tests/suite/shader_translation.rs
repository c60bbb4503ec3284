//! Every final shader as Vulkan, Metal and DirectX 12 get it: translated with the options that wgpu uses, within the
//! limits of the least of their devices. SPIR-V is also passed to `spirv-val` where that is installed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;
use std::sync::Arc;

use hourglass::device::gpu::{GpuTarget, compose};
use hourglass::kernels::{GpuLaunch, Kernel, choice_key};
use hourglass::selftest::tested_plans;
use naga::back::{hlsl, msl, spv};
use naga::proc::BoundsCheckPolicies;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

/// Metal and DirectX 12 feature level 11.0: workgroup memory in bytes.
const WORKGROUP_BYTES: u32 = 32 << 10;
/// WebGPU's own default, which every backend reaches.
const INVOCATIONS: u32 = 256;
/// Buffers that a Metal function sees at most.
const METAL_BUFFERS: u8 = 31;
/// Storage buffers that a kernel may bind: WebGPU's default, which DirectX 12 reaches on resource binding tier 1.
const STORAGE_BUFFERS: usize = 8;

fn target(tiled: bool, choices: BTreeMap<String, String>) -> GpuTarget {
    GpuTarget {
        tiled,
        max_binding_bytes: 1 << 30,
        max_workgroups: 65_535,
        max_iterations: None,
        choices: Arc::new(choices),
        wrong: Arc::default(),
    }
}

/// Every launch of every kernel of the self-test's plans and of the shader tests, in every variant, each shader and
/// entry point once.
fn launches() -> Vec<GpuLaunch> {
    let mut kernels: Vec<Arc<dyn Kernel>> = crate::shaders::kernels();
    let plans = tested_plans(true).expect("the presets are right");
    kernels.extend(plans.into_iter().flat_map(|plan| plan.calls).map(|call| call.kernel));
    let mut seen = BTreeSet::new();
    let mut launches = Vec::new();
    for kernel in kernels {
        for tiled in [false, true] {
            let variants = kernel.variants(&target(tiled, BTreeMap::new()));
            let names: Vec<String> = if variants.is_empty() {
                vec![String::new()]
            } else {
                variants.iter().map(ToString::to_string).collect()
            };
            for name in names {
                let launch = kernel.gpu(&target(tiled, BTreeMap::from([(choice_key(&*kernel), name)])));
                if seen.insert(format!("{:?} {}", launch.shader, launch.entry_point)) {
                    launches.push(launch);
                }
            }
        }
    }
    launches
}

struct Parsed {
    name: String,
    module: naga::Module,
    info: ModuleInfo,
}

fn parse(launch: &GpuLaunch) -> Parsed {
    let source = compose(&launch.shader).expect("it composes");
    let name = format!("{} {:?} {:?}", launch.entry_point, launch.shader.constants, launch.shader.swaps);
    let module = naga::front::wgsl::parse_str(&source).unwrap_or_else(|error| panic!("{name}: {error}"));
    let info = Validator::new(ValidationFlags::all(), Capabilities::SHADER_FLOAT16_IN_FLOAT32)
        .validate(&module)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    Parsed { name, module, info }
}

fn stage(launch: &GpuLaunch) -> (naga::ShaderStage, String) {
    (naga::ShaderStage::Compute, launch.entry_point.to_owned())
}

/// Global variables with a binding, as (group, binding).
fn bindings(module: &naga::Module) -> Vec<naga::ResourceBinding> {
    module.global_variables.iter().filter_map(|(_, variable)| variable.binding).collect()
}

#[test]
fn every_shader_stays_within_the_limits_of_metal_and_directx() {
    for launch in launches() {
        let Parsed { name, module, info } = parse(&launch);
        let (index, entry) = module
            .entry_points
            .iter()
            .enumerate()
            .find(|(_, entry)| entry.name == launch.entry_point)
            .unwrap_or_else(|| panic!("{name}: no entry point"));
        let uses = info.get_entry_point(index);
        let shared = module
            .global_variables
            .iter()
            .filter(|(handle, variable)| variable.space == naga::AddressSpace::WorkGroup && !uses[*handle].is_empty());
        let bytes: u32 = shared.map(|(_, variable)| module.types[variable.ty].inner.size(module.to_ctx())).sum();
        assert!(bytes <= WORKGROUP_BYTES, "{name}: {bytes} bytes of workgroup memory");
        let invocations: u32 = entry.workgroup_size.iter().product();
        assert!(invocations <= INVOCATIONS, "{name}: {invocations} invocations");
        assert!(launch.bindings.len() <= STORAGE_BUFFERS, "{name}: {} storage buffers", launch.bindings.len());
    }
}

#[test]
fn every_shader_translates_to_msl_and_hlsl() {
    for launch in launches() {
        let Parsed { name, module, info } = parse(&launch);
        let mut resources = msl::EntryPointResources { sizes_buffer: Some(METAL_BUFFERS - 1), ..Default::default() };
        let mut registers = hlsl::BindingMap::default();
        for (slot, binding) in (0..).zip(bindings(&module)) {
            let target = msl::BindTarget { buffer: Some(slot), mutable: true, ..Default::default() };
            resources.resources.insert(binding, target);
            registers.insert(binding, hlsl::BindTarget { register: u32::from(slot), ..Default::default() });
        }
        let options = msl::Options {
            lang_version: (2, 4),
            per_entry_point_map: msl::EntryPointResourceMap::from([(launch.entry_point.to_owned(), resources)]),
            fake_missing_bindings: false,
            bounds_check_policies: BoundsCheckPolicies::default(),
            zero_initialize_workgroup_memory: false,
            force_loop_bounding: false,
            ..Default::default()
        };
        let pipeline = msl::PipelineOptions { entry_point: Some(stage(&launch)), ..Default::default() };
        let (text, translation) = msl::write_string(&module, &info, &options, &pipeline)
            .unwrap_or_else(|error| panic!("{name}: MSL: {error}"));
        assert!(text.contains("kernel void"), "{name}: MSL without a kernel");
        translation.entry_point_names[0].as_ref().unwrap_or_else(|error| panic!("{name}: MSL: {error}"));

        let options = hlsl::Options {
            shader_model: hlsl::ShaderModel::V5_1,
            binding_map: registers,
            fake_missing_bindings: false,
            zero_initialize_workgroup_memory: false,
            restrict_indexing: false,
            force_loop_bounding: false,
            ..Default::default()
        };
        let pipeline = hlsl::PipelineOptions { entry_point: Some(stage(&launch)) };
        let mut text = String::new();
        let translation = hlsl::Writer::new(&mut text, &options, &pipeline)
            .write(&module, &info, None)
            .unwrap_or_else(|error| panic!("{name}: HLSL: {error}"));
        assert!(text.contains("numthreads"), "{name}: HLSL without a kernel");
        translation.entry_point_names[0].as_ref().unwrap_or_else(|error| panic!("{name}: HLSL: {error}"));
    }
}

#[test]
fn every_shader_is_valid_spirv() {
    let folder = tempfile::tempdir().expect("a folder");
    let has_validator = Command::new("spirv-val").arg("--version").output().is_ok();
    let mut files = Vec::new();
    for (index, launch) in launches().iter().enumerate() {
        let Parsed { name, module, info } = parse(launch);
        let options = spv::Options {
            lang_version: (1, 3),
            bounds_check_policies: BoundsCheckPolicies::default(),
            zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
            force_loop_bounding: false,
            ..Default::default()
        };
        let pipeline = spv::PipelineOptions {
            shader_stage: naga::ShaderStage::Compute,
            entry_point: launch.entry_point.to_owned(),
        };
        let words = spv::write_vec(&module, &info, &options, Some(&pipeline))
            .unwrap_or_else(|error| panic!("{name}: SPIR-V: {error}"));
        let path = folder.path().join(format!("{index}.spv"));
        std::fs::write(&path, bytemuck::cast_slice::<u32, u8>(&words)).expect("a file");
        files.push((name, path));
    }
    if !has_validator {
        // Elsewhere the translation alone counts; on Linux ./test installs it.
        if cfg!(target_os = "linux") {
            panic!("spirv-val is missing (Debian/Ubuntu: apt-get install spirv-tools)");
        }
        return;
    }
    let mut faults = String::new();
    for (name, path) in files {
        let output = Command::new("spirv-val").args(["--target-env", "vulkan1.1"]).arg(path).output().expect("it runs");
        if !output.status.success() {
            let _ = writeln!(faults, "{name}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert!(faults.is_empty(), "{faults}");
}
