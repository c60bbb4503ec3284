//! Film, shot noise, JPEG and blind spots, whose cases are in `corruptions`.

use super::check_family;
use crate::corruptions::corruption_cases;

#[test]
fn corruption_ops_match_f64() {
    let mut cases = Vec::new();
    corruption_cases(&mut cases);
    check_family("corruption", &cases);
}
