//! Time and allocations of what happens again and again: a refresh of the weights that Explore decodes with, a start, a
//! look at rows while a moving average is kept. `cargo bench --bench allocations`
#![expect(clippy::expect_used, reason = "a benchmark may fail loudly")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use hourglass::data::{DataSet, DataSpec};
use hourglass::device::{Device, DeviceChoice};
use hourglass::inference::LoadedModel;
use hourglass::model::preset;
use hourglass::platform::Wait as _;
use hourglass::train::Session;

/// The system's allocator, counted.
struct Counted;

static COUNT: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all of it is the system's allocator; counting touches no memory of it.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: as the caller promised for this very call.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised for this very call.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// Prints the median time of `work` over `rounds`, and what one round allocates.
fn measure(name: &str, rounds: usize, mut work: impl FnMut()) {
    work();
    let (count, bytes) = (COUNT.load(Relaxed), BYTES.load(Relaxed));
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let started = Instant::now();
            work();
            1e3 * started.elapsed().as_secs_f64()
        })
        .collect();
    let per_round = |now: usize, before: usize| (now - before) / rounds;
    let (count, bytes) = (per_round(COUNT.load(Relaxed), count), per_round(BYTES.load(Relaxed), bytes));
    times.sort_by(f64::total_cmp);
    println!("{name:44} {:9.2} ms {count:8} allocations {:9.2} MB", times[rounds / 2], bytes as f64 / 1e6);
}

fn main() {
    let data = Arc::new(DataSet::open(&DataSpec::default(), 0.1, 1).expect("the digits"));
    let device = Device::open(DeviceChoice::Cpu, None).expect("threads");
    for name in ["variational", "convolutional"] {
        let spec = preset(name).expect("a preset").spec;
        let mut session = Session::new(spec.clone(), Arc::clone(&data), device.clone()).expect("a session");
        let weights = session.weights().wait().expect("weights");
        let first = session.flat_model(weights);
        let mut loaded = LoadedModel::on_one_thread(&first).expect("a model");
        let latents = vec![0.1; 65 * loaded.latent()];
        loaded.decode(&latents, 0).wait().expect("rows");
        measure(&format!("{name}: weights shared by the run"), 20, || {
            let weights = session.weights().wait().expect("weights");
            std::hint::black_box(first.with_weights(weights));
        });
        measure(&format!("{name}: weights taken by Explore, decoded"), 20, || {
            loaded.set_weights(&first.weights).expect("weights");
            loaded.decode(&latents, 0).wait().expect("rows");
        });
        measure(&format!("{name}: a start"), 10, || {
            let session = Session::new(spec.clone(), Arc::clone(&data), device.clone());
            std::hint::black_box(session.expect("a session"));
        });
        let averaged = spec.with_set(&["optimizer.ema=0.99".to_owned()]).expect("a setting");
        let mut session = Session::new(averaged, Arc::clone(&data), device.clone()).expect("a session");
        let first = data.validation.start;
        measure(&format!("{name}: outputs of a row, with an average"), 50, || {
            session.outputs(first..first + 1, true, true).wait().expect("outputs");
        });
    }
}
