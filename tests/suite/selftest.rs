//! The self-test passes here, reaches every shader, and names what was made wrong; autotuning never chooses it.

use std::collections::BTreeSet;
use std::sync::Arc;

use hourglass::device::Device;
use hourglass::device::gpu::{GpuTarget, compose, open_first};
use hourglass::graph::{Plan, compare_on_noise};
use hourglass::kernels::pointwise::{PointwiseKernel, PointwiseStage};
use hourglass::kernels::shaders::{LIBRARY, shader};
use hourglass::kernels::{GpuLaunch, Kernel, StepState, choice_key};
use hourglass::selftest::{SelftestOptions, check_kernels, tested_plans};
use hourglass::train::choose_variant;

use crate::command_line::{hourglass, json};
use crate::support::{cpu, gpu};

/// A chain that doubles, with a variant that triples instead.
#[derive(Debug)]
struct Planted {
    doubled: PointwiseKernel,
    tripled: PointwiseKernel,
}

const COUNT: usize = 1000;

impl Planted {
    fn new() -> Self {
        let scaled = |by| PointwiseKernel::one(PointwiseStage::Scale(by), COUNT);
        Self { doubled: scaled(2.0), tripled: scaled(3.0) }
    }
}

impl Kernel for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn gpu(&self, target: &GpuTarget) -> GpuLaunch {
        let wrong = target.choice(|| choice_key(self)) == Some("wrong");
        if wrong { self.tripled.gpu(target) } else { self.doubled.gpu(target) }
    }

    fn cpu(&self, reads: &[&[u8]], writes: &mut [&mut [u8]], state: &StepState) {
        self.doubled.cpu(reads, writes, state);
    }

    fn variants(&self, _: &GpuTarget) -> Vec<&'static str> {
        vec!["wrong", "right"]
    }
}

#[test]
fn a_wrong_variant_is_named_and_never_chosen() {
    let Some(Device::Gpu(context)) = gpu() else { return };
    let bytes = 4 * COUNT;
    let plan = Plan::from_kernel(Arc::new(Planted::new()), &[bytes; 4], &[bytes]);
    let chosen = choose_variant(&context, &cpu(), &plan.calls[0], 1).expect("one is right");
    assert_eq!(chosen.name, Some("right"));
    assert_eq!(chosen.wrong.iter().map(ToString::to_string).collect::<Vec<_>>(), ["planted wrong"]);
    // What is known to be wrong is not even tried again.
    let warned = context.clone().without_variant(chosen.wrong[0].clone());
    assert!(choose_variant(&warned, &cpu(), &plan.calls[0], 1).expect("one is right").wrong.is_empty());

    let chosen_wrong = context.with_choices([("planted ".to_owned(), "wrong".to_owned())].into());
    let kernel: Arc<dyn Kernel> = Arc::new(Planted::new());
    let deviation = compare_on_noise(&Device::Gpu(chosen_wrong), &cpu(), &kernel, (&[bytes; 4], &[bytes]), 1);
    let deviation = deviation.expect("it runs");
    assert!(!deviation.is_within() && (deviation.worst - 0.5).abs() < 1e-6, "{deviation:?}");
}

/// Entry points of all shader files but what the window draws with.
fn entry_points() -> BTreeSet<String> {
    let files = LIBRARY.0.iter().map(|(name, _)| *name).filter(|name| !name.starts_with("lib/"));
    let module = |name| naga::front::wgsl::parse_str(&compose(&shader(name)).expect("it composes")).expect("it parses");
    files.flat_map(|name| module(name).entry_points).map(|entry| entry.name).collect()
}

#[test]
fn the_tested_plans_reach_every_entry_point() {
    let Some(Device::Gpu(context)) = gpu() else { return };
    let mut missing = entry_points();
    for tiled in [false, true] {
        let target = context.clone().with_tiles(tiled).target().clone();
        for call in tested_plans(true).expect("the presets are right").into_iter().flat_map(|plan| plan.calls) {
            let mut names = call.kernel.variants(&target);
            names.push("");
            for name in names {
                let choices = [(choice_key(&*call.kernel), name.to_owned())].into();
                let target = context.clone().with_tiles(tiled).with_choices(choices).target().clone();
                missing.remove(call.kernel.gpu(&target).entry_point);
            }
        }
    }
    assert!(
        missing.is_empty(),
        "no plan of the self-test reaches {missing:?}: a spec of assets/selftest/ must call them"
    );
}

#[test]
fn every_variant_agrees_with_its_reference() {
    let Some(gpu) = gpu() else { return };
    // Those of the other kind of adapter take a minute more: `./test --long`.
    let options = SelftestOptions { quick: true, all_variants: false };
    let checks = check_kernels(&gpu, options, |_| ()).expect("it ends");
    let wrong: Vec<_> = checks.iter().filter(|check| !check.ok).collect();
    assert!(wrong.is_empty(), "{} computes wrong: {wrong:#?}", gpu.info());
    let variants: BTreeSet<&str> = checks.iter().map(|check| check.variant.as_str()).collect();
    for variant in ["", "direct", "wide", "few"] {
        assert!(variants.contains(variant), "no kernel ran in variant {variant:?}");
    }
}

#[test]
fn the_first_candidate_that_opens_is_taken_and_the_others_are_named() {
    let candidates = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), name.len())).collect::<Vec<_>>();
    let open = |length: usize| if length > 3 { Ok(length) } else { Err("no compiler".to_owned()) };
    let (opened, passed_over) = open_first(candidates(&["one", "two", "three", "four"]), open).expect("one opens");
    assert_eq!(
        (opened, passed_over.as_slice()),
        (5, ["one: no compiler".to_owned(), "two: no compiler".to_owned()].as_slice())
    );
    assert_eq!(open_first(candidates(&["one"]), open), Err(vec!["one: no compiler".to_owned()]));
}

/// A variant remembered to be wrong is named and left out; an adapter without a right variant is passed over.
#[test]
fn remembered_wrong_variants_are_left_out() {
    if gpu().is_none() {
        return;
    }
    let home = tempfile::tempdir().expect("a folder");
    let devices = json(&hourglass(&["devices", "--json"], home.path()));
    let first = &devices["devices"][0];
    let text = |key: &str| first[key].as_str().expect("text").to_owned();
    let identity = format!("{}, {}, hourglass {}", text("adapter"), text("driver"), env!("CARGO_PKG_VERSION"));
    let remember = |avoidable: bool| {
        let wrong = serde_json::json!({ &identity: [{ "kernel": "dense_forward", "variant": "wide", "avoidable": avoidable }] });
        let cache = home.path().join(".cache/hourglass");
        std::fs::create_dir_all(&cache).expect("a folder");
        std::fs::write(cache.join("wrong_variants.json"), wrong.to_string()).expect("a file");
    };
    remember(true);
    let listed = hourglass(&["devices"], home.path());
    assert!(String::from_utf8_lossy(&listed.stdout).contains("dense_forward wide"), "{listed:?}");
    let run = home.path().join("run").display().to_string();
    let table = crate::support::repository().join("tests/fixtures/data/breast_cancer.csv").display().to_string();
    let training = ["train", "--data", &table, "--device", "gpu:0", "--set", "train.steps=2", "--out", &run];
    let trained = hourglass(&training, home.path());
    assert!(trained.status.success(), "{trained:?}");
    assert!(String::from_utf8_lossy(&trained.stderr).contains("left out: dense_forward wide"), "{trained:?}");
    let spec = std::fs::read_to_string(home.path().join("run/spec.toml")).expect("a spec");
    assert!(
        spec.contains("\"dense_forward ")
            && !spec.lines().any(|line| line.contains("dense_forward") && line.contains("wide")),
        "{spec}"
    );

    remember(false);
    let refused = hourglass(&["bench", "--only", "undercomplete", "--device", "gpu"], home.path());
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(1)
            && message.contains("it computes dense_forward wide wrong (`hourglass selftest` tests it again)"),
        "{message}"
    );
}

#[test]
fn the_command_prints_what_the_contract_says() {
    let home = tempfile::tempdir().expect("a folder");
    let output = hourglass(&["selftest", "--quick", "--device", "cpu", "--json", "--quiet"], home.path());
    assert!(output.status.success(), "{output:?}");
    let report = json(&output);
    for key in ["device", "adapter", "backend", "driver", "variants", "ok"] {
        assert!(!report[key].is_null(), "{key} is missing: {report}");
    }
    for key in ["kernel", "variant", "shape", "worst", "allowed", "ok"] {
        assert!(!report["variants"][0][key].is_null(), "{key} is missing: {report}");
    }
}

#[test]
fn an_unknown_backend_is_a_usage_error() {
    let home = tempfile::tempdir().expect("a folder");
    let output = hourglass(&["devices", "--backend", "glide"], home.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("use vulkan, metal, dx12 or auto"), "{output:?}");
}
