//! Building blocks of cards: widgets, theme, icons, dialogs, thumbnails, painter of charts.

pub(crate) mod dialog;
pub(crate) mod file_picker;
pub(crate) mod format;
pub(crate) mod icons;
pub(crate) mod shapes;
pub(crate) mod theme;
pub(crate) mod thumbnails;
pub(crate) mod widgets;

/// Width of the window below which the left column folds into a drawer and the right one moves below the center.
pub(crate) const NARROW: f32 = 1100.0;

/// Width of the column at the right.
pub(crate) const RIGHT_COLUMN: f32 = 356.0;

/// Returns a function that requests a repaint from another thread.
pub(crate) fn waker(context: &egui::Context) -> impl Fn() + Send + 'static {
    let context = context.clone();
    move || context.request_repaint()
}
