//! Known answers for Philox and the properties of the keyed permutation, on both devices.

use std::sync::Arc;

use hourglass::kernels::StepState;
use hourglass::kernels::random::{Distribution, RandomFill};
use hourglass::random::{permutation_keys, permute, philox4x32};

use crate::support::{devices, run_kernel};

/// From the Random123 distribution, kat_vectors: counter, key, result.
const KNOWN: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
    ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
    ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
    (
        [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
        [0xa409_3822, 0x299f_31d0],
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
    ),
];

#[test]
fn philox_gives_the_known_answers() {
    for (counter, key, expected) in KNOWN {
        assert_eq!(philox4x32(counter, key), expected);
    }
}

#[test]
fn both_devices_give_the_same_words() {
    for count in [1, 3, 4, 7, 257, 1000] {
        let kernel = RandomFill { count, stream: 0, distribution: Distribution::Bits };
        let state = StepState { seed: [0xa409_3822, 0x299f_31d0], step: 5, ..StepState::default() };
        let expected: Vec<u32> = (0..u32::try_from(count.div_ceil(4)).unwrap())
            .flat_map(|block| philox4x32([block, 0, 5, 0], state.seed))
            .take(count)
            .collect();
        for device in devices() {
            let out = run_kernel(&device, Arc::new(kernel.clone()), &[], &[count], &[], state);
            let words: Vec<u32> = out[0].iter().map(|value| value.to_bits()).collect();
            assert_eq!(words, expected, "{}", device.info());
        }
    }
    // The first block under key and counter zero is the first known answer.
    for device in devices() {
        let kernel = RandomFill { count: 4, stream: 0, distribution: Distribution::Bits };
        let out = run_kernel(&device, Arc::new(kernel), &[], &[4], &[], StepState::default());
        assert_eq!(out[0].iter().map(|value| value.to_bits()).collect::<Vec<_>>(), KNOWN[0].2);
    }
}

#[test]
fn uniform_numbers_fill_their_interval_evenly() {
    const COUNT: usize = 40_000;
    for device in devices() {
        let distribution = Distribution::Uniform { low: -2.0, width: 4.0 };
        let kernel = RandomFill { count: COUNT, stream: 3, distribution };
        let out = run_kernel(&device, Arc::new(kernel), &[], &[COUNT], &[], StepState::default());
        let mut bins = [0_u32; 16];
        for &value in &out[0] {
            assert!((-2.0..2.0).contains(&value));
            bins[((value + 2.0) * 4.0) as usize] += 1;
        }
        // Chi-squared with 15 degrees of freedom: above 45 has odds of 7e-5, and the seed is fixed.
        let expected = COUNT as f64 / 16.0;
        let chi: f64 = bins.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
        assert!(chi < 45.0, "{}: {chi}", device.info());
    }
}

#[test]
fn normal_numbers_have_the_moments_of_the_normal_distribution() {
    const COUNT: usize = 100_000;
    for device in devices() {
        let kernel = RandomFill { count: COUNT, stream: 3, distribution: Distribution::Normal };
        let out = run_kernel(&device, Arc::new(kernel), &[], &[COUNT], &[], StepState::default());
        let moment = |power| out[0].iter().map(|&x| f64::from(x).powi(power)).sum::<f64>() / COUNT as f64;
        // Standard errors of the first four moments of 100,000 are 0.003, 0.0045, 0.012 and 0.031; the seed is fixed.
        for (power, expected, allowed) in [(1, 0.0, 0.01), (2, 1.0, 0.015), (3, 0.0, 0.04), (4, 3.0, 0.1)] {
            let found = moment(power);
            assert!((found - expected).abs() < allowed, "{}: moment {power} is {found}", device.info());
        }
        let beyond = out[0].iter().filter(|x| x.abs() > 2.0).count() as f64 / COUNT as f64;
        assert!((beyond - 0.0455).abs() < 0.003, "{}: {beyond} beyond two deviations", device.info());
    }
}

#[test]
fn the_permutation_visits_every_place_once() {
    for count in [1, 2, 3, 7, 64, 65, 257, 5000, 55_000] {
        let keys = permutation_keys(9, 3, 2);
        let mut seen = vec![false; count as usize];
        for place in 0..count {
            let to = permute(place, count, keys) as usize;
            assert!(!std::mem::replace(&mut seen[to], true), "{count}: {to} twice");
        }
    }
}

#[test]
fn epochs_and_seeds_visit_in_different_orders() {
    let order = |seed, epoch| {
        let keys = permutation_keys(seed, epoch, 2);
        (0..1000).map(|place| permute(place, 1000, keys)).collect::<Vec<_>>()
    };
    assert_ne!(order(1, 0), order(1, 1));
    assert_ne!(order(1, 0), order(2, 0));
    // No run of neighbors survives: the mean step between neighbors of a random order of n is n / 3.
    let visited = order(1, 0);
    let mean: f64 = visited.windows(2).map(|w| f64::from(w[0].abs_diff(w[1]))).sum::<f64>() / 999.0;
    assert!((mean - 333.0).abs() < 40.0, "{mean}");
}
