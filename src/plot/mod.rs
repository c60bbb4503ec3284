//! Charts and pictures of plain numbers: ranges, smoothing, row images, contact sheets, and a canvas that is saved as
//! PNG.

mod chart;
mod contact_sheet;
mod error;
mod png;
mod row_image;

pub use self::chart::{MapView, curve_range, map_view, smooth, smooth_by};
pub(crate) use self::contact_sheet::write_sheet;
pub use self::error::PictureError;
pub(crate) use self::png::{Align, Area, Canvas};
pub use self::row_image::{Raster, RowView};
