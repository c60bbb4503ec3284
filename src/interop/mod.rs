//! What leaves the program for other programs to open: the report of a run.

mod report;

pub use report::write_report;
