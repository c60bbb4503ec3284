//! Layout of the cards of Explore.

use egui::{Rect, pos2, vec2};

use crate::app::ui::RIGHT_COLUMN;
use crate::style::space;

/// Returns the areas of map and grid, latent operations, decoded picture, and sliders.
pub(super) fn explore_cards(area: Rect, narrow: bool) -> [Rect; 4] {
    let (work, gap) = (area.shrink(space::L), space::L);
    let column = if narrow { 280.0 } else { RIGHT_COLUMN };
    let left = Rect::from_min_max(work.min, pos2(work.right() - column - gap, work.bottom()));
    let right = Rect::from_min_max(pos2(work.right() - column, work.top()), work.max);
    let picture = (column + 28.0).min(right.height() * 0.52);
    let one = Rect::from_min_size(right.min, vec2(column, picture));
    let sliders = Rect::from_min_max(pos2(right.left(), one.bottom() + gap), right.max);
    let operations = if narrow { 178.0 } else { (left.height() * 0.29).clamp(196.0, 320.0) };
    let operations = Rect::from_min_max(pos2(left.left(), left.bottom() - operations), left.max);
    let map = Rect::from_min_max(left.min, pos2(left.right(), operations.top() - gap));
    [map, operations, one, sliders]
}
