// Poisson counts from uniform numbers by inversion: the smallest count whose distribution function exceeds u, found by
// adding up the probabilities from 0 on (Devroye 1986, section X.3.3). Exact but for the 24 bits of u.

// More terms than any rate that is asked for here can need: the loop must end whatever the numbers are.
const POISSON_TERMS: u32 = 128u;
// A probability past the mode that no longer moves a sum near 1, which rounding may have left below u.
const POISSON_NOTHING: f32 = 1e-9;

fn poisson_by_inversion(rate: f32, u: f32) -> f32 {
    if rate <= 0.0 { return 0.0; }
    var count = 0.0;
    var probability = exp(-rate);
    var total = probability;
    for (var term = 1u; term < POISSON_TERMS; term += 1u) {
        if u < total || (count > rate && probability < POISSON_NOTHING) { break; }
        count += 1.0;
        probability *= rate / count;
        total += probability;
    }
    return count;
}
