//! Slots: the rows that interpolation and arithmetic start from.

use std::path::PathBuf;
use std::sync::Arc;

use super::decoder_thread::{Origin, SLOTS};
use crate::app::ui::thumbnails::Thumbnails;
use crate::app::workspace::ById;
use crate::monitor::Moment;

/// Most nearest train rows on display.
pub(super) const NEAR: usize = 12;

/// Rows offered in the menu of a slot.
pub(super) const OFFERED: usize = 30;

/// Names of the slots.
pub(super) const NAMES: [&str; SLOTS] = ["A", "B", "a", "b", "c"];

#[derive(Debug, Default)]
pub(super) struct LatentSlots {
    pub slots: [Option<Origin>; SLOTS],
    /// Thumbnails of offered rows and of the nearest train rows.
    pub offered: Thumbnails,
    pub near: Thumbnails,
    /// Count of requests for other rows.
    pub turn: usize,
    /// Slot of the next dropped file.
    pub next_file: usize,
}

impl LatentSlots {
    pub fn origins(&self) -> [Option<Origin>; SLOTS] {
        self.slots.clone()
    }

    pub fn put(&mut self, slot: usize, origin: Origin) {
        self.slots[slot] = Some(origin);
    }

    pub fn take_file(&mut self, path: PathBuf) {
        self.slots[self.next_file] = Some(Origin::File(path));
        self.next_file = 1 - self.next_file;
    }

    /// Fills the slots with held-out rows of different classes: on digits, a 3 that becomes an 8, and 7 - 1 + 4.
    pub fn begin(&mut self, moment: &Moment) {
        self.slots = [const { None }; SLOTS];
        let Some(data) = &moment.rows else { return };
        let rows = offered(moment, 0);
        let of_share = |share: f32| rows.get((share * rows.len().min(10) as f32) as usize);
        for (slot, share) in [0.35, 0.85, 0.75, 0.15, 0.45].into_iter().enumerate() {
            self.slots[slot] = of_share(share).map(|&row| Origin::Row(ById(Arc::clone(data)), row));
        }
    }
}

/// Returns held-out rows to choose from: one of each class in turn, or rows in order without classes or with too many.
pub(super) fn offered(moment: &Moment, turn: usize) -> Vec<u32> {
    let map = &moment.snapshot.map;
    let held_out = &map.rows[..map.held_out.min(map.rows.len())];
    let mut rows: Vec<u32> = Vec::new();
    let classes = map.labels.iter().copied().max().map_or(0, |highest| usize::from(highest) + 1);
    if classes > 0 && classes <= OFFERED {
        let rounds = OFFERED / classes;
        let mut of_class: Vec<Vec<u32>> = vec![Vec::new(); classes];
        for (&row, &label) in held_out.iter().zip(&map.labels) {
            of_class[usize::from(label)].push(row);
        }
        for round in 0..rounds {
            let number = turn * rounds + round;
            rows.extend(of_class.iter().filter(|rows| !rows.is_empty()).map(|rows| rows[number % rows.len()]));
        }
        return rows;
    }
    let count = held_out.len();
    rows.extend((0..OFFERED.min(count)).map(|i| held_out[(turn * OFFERED + i) % count]));
    rows
}
