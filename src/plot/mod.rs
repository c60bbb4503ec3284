//! Charts and pictures of plain numbers: a chart becomes shapes, which are painted as PNG, as SVG or by the window; row
//! images and contact sheets.

mod chart;
mod contact_sheet;
mod error;
mod loss_curves;
mod png;
mod range;
mod row_image;
mod shapes;
mod svg;

pub use self::chart::{AxisScale, Bar, Baseline, Chart, ChartAxis, Highlight, Marker, Series, Ticks};
pub(crate) use self::contact_sheet::write_sheet;
pub use self::error::PictureError;
pub use self::loss_curves::LossCurves;
pub(crate) use self::png::Canvas;
pub use self::range::{MapView, curve_range, map_view, smooth_by};
pub use self::row_image::{Raster, RowView};
pub use self::shapes::{Align, Area, LineStyle, PlotShape, Tone, VerticalAlign};
pub(crate) use self::svg::svg_elements;
