//! Colors in the notation of HTML.

use crate::style::Rgb;

pub(super) fn hex(Rgb(r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}
