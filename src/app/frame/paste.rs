//! Pictures from the clipboard, written to the user's pictures folder and then handled like dropped files.

use std::path::{Path, PathBuf};

use egui::ColorImage;

use crate::app::ui::waker;
use crate::platform::{Task, files, folders};

/// Returns the folder of saved pictures.
pub(crate) fn pictures_folder() -> PathBuf {
    folders::pictures_folder().unwrap_or_else(std::env::temp_dir).join("Hourglass")
}

/// Returns a path in `folder` with the first free number, or beside the folder if it does not exist.
pub(crate) fn free_path(folder: &Path, what: &str, ending: &str) -> PathBuf {
    let folder = if folder.is_dir() { folder } else { folder.parent().unwrap_or(folder) };
    let place = |number: u32| folder.join(format!("{what}-{number:03}.{ending}"));
    (1..).map(place).find(|path| !path.exists()).unwrap_or_else(|| place(1))
}

/// Background task that writes a pasted picture.
#[derive(Default)]
pub(crate) struct Pasting {
    writing: Option<Task<(), Result<PathBuf, String>>>,
}

impl Pasting {
    /// Starts to write `picture` to `folder`.
    ///
    /// # Errors
    /// When no thread can be started, in words.
    pub fn begin(
        &mut self,
        context: &egui::Context,
        picture: &std::sync::Arc<ColorImage>,
        folder: &Path,
    ) -> Result<(), String> {
        let (picture, folder) = (std::sync::Arc::clone(picture), folder.to_owned());
        self.writing = Some(Task::start("hourglass-paste", waker(context), move |_| write(&picture, &folder))?);
        Ok(())
    }

    /// Returns the result of the task, once.
    pub fn take(&mut self) -> Option<Result<PathBuf, String>> {
        let written = self.writing.as_ref()?.take()?;
        self.writing = None;
        Some(written)
    }
}

fn write(picture: &ColorImage, folder: &Path) -> Result<PathBuf, String> {
    files::create_dir_all(folder).map_err(|error| format!("cannot write, {}, {error}", folder.display()))?;
    let path = free_path(folder, "pasted", "png");
    let [width, height] = picture.size.map(|side| side as u32);
    let solid = picture.pixels.iter().all(|pixel| pixel.a() == 255);
    let pixels = picture.pixels.iter().flat_map(egui::Color32::to_srgba_unmultiplied).collect();
    let whole = image::RgbaImage::from_raw(width, height, pixels)
        .map(image::DynamicImage::ImageRgba8)
        .filter(|picture| picture.width() * picture.height() > 0)
        .ok_or("the picture on the clipboard has no pixels")?;
    // An opaque picture needs no alpha channel.
    let whole = if solid { image::DynamicImage::ImageRgb8(whole.into_rgb8()) } else { whole };
    whole.save(&path).map_err(|error| format!("cannot write, {}, {error}", path.display()))?;
    Ok(path)
}
