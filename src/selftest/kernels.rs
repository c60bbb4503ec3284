//! Checks of the kernel calls of the tested plans on the GPU, with the input buffers of the CPU reference.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::check::{SelftestOptions, VariantCheck};
use super::models::{TestedModel, fill_search, models, search_plan};
use crate::device::gpu::GpuContext;
use crate::device::{Device, DeviceChoice, DeviceError};
use crate::graph::{Deviation, Executable, GraphError, ObservedCall, Plan, SharedBuffers, run_kernel};
use crate::kernels::{StepState, choice_key};
use crate::random::{permutation_keys, stream};
use crate::train::TrainError;

pub(super) fn check(
    gpu: &GpuContext,
    options: SelftestOptions,
    progress: &mut impl FnMut(&str),
    checks: &mut Vec<VariantCheck>,
) -> Result<(), TrainError> {
    let cpu = Device::open(DeviceChoice::Cpu, None).map_err(GraphError::from)?;
    // What is known to be wrong is tested again: a driver may have changed its mind.
    let gpu = gpu.clone().forgetting_wrong();
    let mut contexts = vec![gpu.clone()];
    if options.all_variants {
        let tiled = gpu.target().tiled;
        contexts.push(gpu.with_tiles(!tiled));
    }
    // The parameters of a kernel are all that its results depend on, beside its buffers.
    let seen = RefCell::new(BTreeSet::new());
    let mut check_plan = |plan: &Plan, buffers: &SharedBuffers, state: &StepState| -> Result<(), TrainError> {
        let Executable::Cpu(mut reference) = Executable::new(&cpu, plan, buffers)? else { return Ok(()) };
        reference.run_observed(
            state,
            |call| !seen.borrow().contains(&format!("{:?}", call.kernel)),
            |observed| {
                if seen.borrow_mut().insert(format!("{:?}", observed.call.kernel)) {
                    check_call(&contexts, &observed, state, checks)?;
                }
                Ok(())
            },
        )?;
        Ok(())
    };
    for model in models(!options.quick)? {
        progress(&format!("kernels of {} at batch {}", model.name, model.batch));
        for plan in model.plans()? {
            check_plan(&plan, &model.fill(&plan, &cpu)?, &state(&model))?;
        }
    }
    progress("kernels of the search of nearest rows");
    let plan = search_plan()?;
    check_plan(&plan, &fill_search(&plan, &cpu)?, &StepState::default())
}

fn state(model: &TestedModel) -> StepState {
    let (rows, part_rows) = (model.valid_rows() as u32, model.rows() as u32);
    StepState {
        seed: [3, 5],
        step: 7,
        rows,
        part_rows,
        shuffle: 1,
        permutation_keys: permutation_keys(3, 0, stream::PERMUTATION),
        step_size: 1e-3,
        inv_sqrt_correction: 1.0,
        learning_rate: 1e-3,
        beta: 1.0,
        sparsity: 1.0,
        corruption: 1.0,
        ..StepState::default()
    }
}

/// Checks all variants of one call, each once.
fn check_call(
    contexts: &[GpuContext],
    observed: &ObservedCall<'_>,
    state: &StepState,
    checks: &mut Vec<VariantCheck>,
) -> Result<(), GraphError> {
    let kernel = &observed.call.kernel;
    let mut tried = BTreeSet::new();
    for context in contexts {
        let variants = kernel.variants(context.target());
        let names = if variants.is_empty() { vec![""] } else { variants };
        for variant in names {
            if !tried.insert(variant) {
                continue;
            }
            let choices = BTreeMap::from([(choice_key(&**kernel), variant.to_owned())]);
            let device = Device::Gpu(context.clone().with_choices(choices));
            let result = run_kernel(&device, Arc::clone(kernel), &observed.buffers, state);
            let tolerance = kernel.tolerance();
            let (deviation, problem) = match result {
                Ok(results) => (Deviation::between(&results, &observed.after, tolerance), None),
                // A size that the device cannot hold says nothing of how it computes: plans refuse it.
                Err(GraphError::Device(DeviceError::DoesNotFit { .. })) => continue,
                Err(error) => {
                    let failed = Deviation { worst: f64::INFINITY, allowed: tolerance.relative };
                    (failed, Some(error.to_string()))
                }
            };
            let check = VariantCheck::new(kernel.name(), variant, observed.call.shape(), deviation);
            checks.push(VariantCheck { problem, ..check });
        }
    }
    Ok(())
}
