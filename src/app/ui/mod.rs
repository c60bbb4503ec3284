//! Parts of every card: widgets, theme, icons, dialogs, thumbnails, the painter of charts.

pub(crate) mod dialog;
pub(crate) mod file_picker;
pub(crate) mod format;
pub(crate) mod icons;
pub(crate) mod shapes;
pub(crate) mod theme;
pub(crate) mod thumbnails;
pub(crate) mod widgets;

/// Below this width the left column folds into a drawer and the right one goes under the center.
pub(crate) const NARROW: f32 = 1100.0;

/// Width of the column at the right.
pub(crate) const RIGHT_COLUMN: f32 = 356.0;

/// Returns what calls for a repaint from another thread.
pub(crate) fn waker(context: &egui::Context) -> impl Fn() + Send + 'static {
    let context = context.clone();
    move || context.request_repaint()
}
