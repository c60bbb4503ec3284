//! Pictures from the clipboard: each becomes a file among the user's pictures, and is then treated as one that was
//! dropped.

use std::path::{Path, PathBuf};

use egui::ColorImage;

use crate::app::ui::waker;
use crate::platform::{Task, files, folders};

/// Where pictures go that people keep.
pub(crate) fn pictures_folder() -> PathBuf {
    folders::pictures_folder().unwrap_or_else(std::env::temp_dir).join("Hourglass")
}

/// A path in `folder` under the first number that is free; beside the folder where it is not there.
pub(crate) fn free_path(folder: &Path, what: &str, ending: &str) -> PathBuf {
    let folder = if folder.is_dir() { folder } else { folder.parent().unwrap_or(folder) };
    let place = |number: u32| folder.join(format!("{what}-{number:03}.{ending}"));
    (1..).map(place).find(|path| !path.exists()).unwrap_or_else(|| place(1))
}

/// The picture that is being written, off the thread that draws.
#[derive(Default)]
pub(crate) struct Pasting {
    writing: Option<Task<(), Result<PathBuf, String>>>,
}

impl Pasting {
    /// # Errors
    /// In words, where no thread can be had.
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

    /// What came of it, once.
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
    // Transparency that there is not would be one channel more to carry along.
    let whole = if solid { image::DynamicImage::ImageRgb8(whole.into_rgb8()) } else { whole };
    whole.save(&path).map_err(|error| format!("cannot write, {}, {error}", path.display()))?;
    Ok(path)
}
