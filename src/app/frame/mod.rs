//! The frame around a workspace: bars, the rail, keys, help, hints, and whatever is opened, dropped or pasted.

mod bars;
pub(crate) mod help;
pub(crate) mod hints;
mod keys;
pub(crate) mod open;
mod open_actions;
pub(crate) mod paste;
mod rail;
