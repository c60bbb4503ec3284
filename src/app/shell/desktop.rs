//! Services of the desktop: color scheme and file dialogs.

use std::path::PathBuf;

#[cfg(target_os = "linux")]
use crate::platform::Task;

/// Question for a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// Existing file; `kinds` are names of filters with their extensions, none for any file.
    File {
        title: &'static str,
        kinds: Vec<(&'static str, Vec<&'static str>)>,
    },
    Folder {
        title: &'static str,
    },
    /// File to write.
    Save {
        title: &'static str,
        name: String,
        folder: Option<PathBuf>,
    },
}

impl Question {
    pub fn title(&self) -> &'static str {
        match self {
            Self::File { title, .. } | Self::Folder { title } | Self::Save { title, .. } => title,
        }
    }
}

/// Answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Chosen(PathBuf),
    Canceled,
    /// No dialog service on this desktop: a path is typed instead.
    NoService,
}

/// File dialogs, called on a thread of their own, which may block until the user answers.
pub trait Dialogs: Send + Sync {
    fn ask(&self, question: &Question) -> Answer;
}

/// Dialogs of a desktop without a service: paths are typed.
#[derive(Clone, Copy, Debug, Default)]
pub struct TypedPaths;

impl Dialogs for TypedPaths {
    fn ask(&self, _: &Question) -> Answer {
        Answer::NoService
    }
}

/// Native dialogs of the desktop.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeDialogs;

impl Dialogs for NativeDialogs {
    fn ask(&self, question: &Question) -> Answer {
        if !has_dialogs() {
            return Answer::NoService;
        }
        let dialog = rfd::FileDialog::new().set_title(question.title());
        let chosen = match question {
            Question::File { kinds, .. } => {
                kinds.iter().fold(dialog, |dialog, (name, extensions)| dialog.add_filter(*name, extensions)).pick_file()
            }
            Question::Folder { .. } => dialog.pick_folder(),
            Question::Save { name, folder, .. } => {
                let dialog = dialog.set_file_name(name);
                match folder {
                    Some(folder) => dialog.set_directory(folder).save_file(),
                    None => dialog.save_file(),
                }
            }
        };
        chosen.map_or(Answer::Canceled, Answer::Chosen)
    }
}

#[cfg(not(target_os = "linux"))]
fn has_dialogs() -> bool {
    true
}

/// Returns whether the portal can be started, or zenity is installed in its place.
#[cfg(target_os = "linux")]
fn has_dialogs() -> bool {
    let portal = || -> zbus::Result<bool> {
        let bus = zbus::blocking::Connection::session()?;
        let bus = zbus::blocking::fdo::DBusProxy::new(&bus)?;
        let known = |names: &[zbus::names::OwnedBusName]| names.iter().any(|name| name.as_str() == PORTAL);
        Ok(known(&bus.list_activatable_names()?) || known(&bus.list_names()?))
    };
    let zenity = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join("zenity").is_file())
    };
    portal().unwrap_or(false) || zenity()
}

#[cfg(target_os = "linux")]
const PORTAL: &str = "org.freedesktop.portal.Desktop";

/// Calls `tell` with the color scheme of the desktop, now and at each change, from a thread of its own: X11 and Wayland
/// do not report it to windows. Without such a setting `tell` is never called.
#[cfg(target_os = "linux")]
pub(crate) fn follow_theme(tell: impl Fn(egui::Theme) + Send + 'static) {
    const SETTINGS: &str = "org.freedesktop.portal.Settings";
    const NAMESPACE: &str = "org.freedesktop.appearance";
    const KEY: &str = "color-scheme";
    let theme = |value: u32| match value {
        1 => Some(egui::Theme::Dark),
        2 => Some(egui::Theme::Light),
        _ => None,
    };
    let follow = move |_: &mut dyn FnMut(()) -> _| -> zbus::Result<()> {
        let bus = zbus::blocking::Connection::session()?;
        let portal = zbus::blocking::Proxy::new(&bus, PORTAL, "/org/freedesktop/portal/desktop", SETTINGS)?;
        let changes = portal.receive_signal("SettingChanged")?;
        let now: zbus::zvariant::OwnedValue = portal.call("ReadOne", &(NAMESPACE, KEY))?;
        if let Some(theme) = u32::try_from(now).ok().and_then(theme) {
            tell(theme);
        }
        for change in changes {
            let body = change.body();
            let Ok((namespace, key, value)) = body.deserialize::<(String, String, zbus::zvariant::Value<'_>)>() else {
                continue;
            };
            if (namespace.as_str(), key.as_str()) == (NAMESPACE, KEY)
                && let Some(theme) = u32::try_from(value).ok().and_then(theme)
            {
                tell(theme);
            }
        }
        Ok(())
    };
    // Without the service, or without a thread, the window is dark.
    drop(Task::start("hourglass-theme", || {}, follow));
}
