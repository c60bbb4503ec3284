//! What the window remembers from one start to the next: a small file in the platform's config folder.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::app::ui::theme::ThemeChoice;
use crate::device::DeviceChoice;
use crate::model::write_whole;
use crate::platform::{files, folders};

/// What is missing, damaged or out of range is as on the first start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Width and height of the window, in points before zoom.
    pub size: [f32; 2],
    pub maximized: bool,
    pub theme: ThemeChoice,
    /// As `--device` has it.
    pub device: String,
    /// As `--backend` had it last; not there for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// Of everything, by Ctrl+plus and Ctrl+minus.
    pub zoom: f32,
    /// Whether somebody has put the hints of the first start away.
    pub hints_seen: bool,
}

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
        }
    }
}

/// The smallest window, in points.
pub const SMALLEST: [f32; 2] = [900.0, 600.0];

impl Settings {
    /// Where they are kept; `None` where the platform has no such place.
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
        settings
    }

    /// # Errors
    /// In words, where the folder cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let place = || path.display();
        if let Some(folder) = path.parent() {
            files::create_dir_all(folder).map_err(|error| format!("settings were not kept, {}, {error}", place()))?;
        }
        let text = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        write_whole(path, &text).map_err(|error| error.to_string())
    }

    /// The device of last time, where it is among `devices` still.
    pub fn device_among(&self, devices: &[(String, DeviceChoice)]) -> Option<DeviceChoice> {
        let wanted: DeviceChoice = self.device.parse().ok()?;
        devices.iter().map(|(_, choice)| *choice).find(|choice| *choice == wanted)
    }
}
