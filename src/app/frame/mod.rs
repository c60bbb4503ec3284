//! Frame around a workspace: bars, rail, shortcuts, help, hints, and opened, dropped or pasted files.

mod bars;
pub(crate) mod help;
pub(crate) mod hints;
mod keys;
pub(crate) mod open;
mod open_actions;
pub(crate) mod paste;
mod rail;
pub(crate) mod restart;
mod restart_actions;
