//! Settings kept between sessions: a small file in the platform's config folder.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::app::ui::theme::ThemeChoice;
use crate::device::DeviceChoice;
use crate::model::write_whole;
use crate::platform::{files, folders};

/// Settings of the window. Missing, damaged or out-of-range values fall back to those of the first start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Width and height of the window, in points before zoom.
    pub size: [f32; 2],
    pub maximized: bool,
    pub theme: ThemeChoice,
    /// Device, in the notation of `--device`.
    pub device: String,
    /// Backend, in the notation of `--backend`; `None` for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// Zoom factor of the interface.
    pub zoom: f32,
    /// True once the hints of the first start are dismissed.
    pub hints_seen: bool,
    /// Data opened lately, files and folders, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<String>,
}

/// Most entries of the data opened lately.
const RECENT: usize = 8;

impl Default for Settings {
    fn default() -> Self {
        Self {
            size: [1280.0, 800.0],
            maximized: false,
            theme: ThemeChoice::System,
            device: DeviceChoice::Auto.to_string(),
            backend: None,
            zoom: 1.0,
            hints_seen: false,
            recent: Vec::new(),
        }
    }
}

/// Smallest size of the window, in points.
pub const SMALLEST: [f32; 2] = [900.0, 600.0];

impl Settings {
    /// Returns the path of the settings; `None` if the platform has no config folder.
    pub fn path() -> Option<PathBuf> {
        Some(folders::settings_folder()?.join("window.json"))
    }

    pub fn load(path: &Path) -> Self {
        let read: Option<Self> = files::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut settings = read.unwrap_or_default();
        let usual = Self::default();
        for (side, (least, usual)) in settings.size.iter_mut().zip(SMALLEST.into_iter().zip(usual.size)) {
            if !side.is_finite() || *side < least || *side > 16_384.0 {
                *side = usual;
            }
        }
        if !(0.5..=3.0).contains(&settings.zoom) {
            settings.zoom = usual.zoom;
        }
        settings.recent.truncate(RECENT);
        settings
    }

    /// Puts data first among those opened lately.
    pub(crate) fn remember(&mut self, path: String) {
        self.recent.retain(|known| *known != path);
        self.recent.insert(0, path);
        self.recent.truncate(RECENT);
    }

    /// Saves the settings.
    ///
    /// # Errors
    /// When the folder cannot be written, in words.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let place = || path.display();
        if let Some(folder) = path.parent() {
            files::create_dir_all(folder).map_err(|error| format!("settings were not saved, {}, {error}", place()))?;
        }
        let text = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        write_whole(path, &text).map_err(|error| error.to_string())
    }

    /// Returns the saved device if it is still among `devices`.
    pub fn device_among(&self, devices: &[(String, DeviceChoice)]) -> Option<DeviceChoice> {
        let wanted: DeviceChoice = self.device.parse().ok()?;
        devices.iter().map(|(_, choice)| *choice).find(|choice| *choice == wanted)
    }
}
