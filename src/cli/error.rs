//! Errors of commands, and exit codes.

use crate::data::DataError;
use crate::device::DeviceError;
use crate::error::{Advice, ErrorKind, Setting};
use crate::model::SpecError;
use crate::plot::PictureError;
use crate::tasks::TaskError;
use crate::train::TrainError;

/// Failure of a command: its message, advice and exit code.
#[derive(Debug)]
pub(crate) struct CliError {
    pub message: String,
    pub advice: Option<Advice>,
    pub code: u8,
}

impl CliError {
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(message, ErrorKind::Usage, None)
    }

    pub fn work(message: impl Into<String>) -> Self {
        Self::new(message, ErrorKind::Work, None)
    }

    pub fn new(message: impl Into<String>, kind: ErrorKind, advice: Option<Advice>) -> Self {
        let code = match kind {
            ErrorKind::Usage => 2,
            ErrorKind::Work => 1,
        };
        Self { message: message.into(), advice, code }
    }

    /// Returns the message in one line, with settings worded as options of `command`.
    pub fn told(&self, command: &clap::Command) -> String {
        let mut message = worded(&self.message, command);
        if let Some(Advice { setting, value }) = &self.advice {
            if let Some(option) = option_of(setting, command) {
                message.push_str(&format!("; try {option} {value}"));
            } else if setting.contains('.') && has_option(command, "set") {
                message.push_str(&format!("; try --set {setting}={value}"));
            }
        }
        message.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn has_option(command: &clap::Command, long: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_long() == Some(long))
}

/// Returns the option of `command` for a setting, where it has one.
fn option_of(setting: &str, command: &clap::Command) -> Option<String> {
    let long = match setting {
        // Only `detect` has an option for it; in other commands `--label` is a class.
        "data.labels" if matches!(command.get_name(), "fit" | "score") => "label",
        setting => setting,
    };
    has_option(command, long).then(|| format!("--{long}"))
}

/// Returns the wording in options of `command` for `quoted`, a setting with or without a value; `None` if it names no
/// setting.
fn worded_setting(quoted: &str, command: &clap::Command) -> Option<String> {
    let (name, value) = quoted.split_once('=').map_or((quoted, None), |(name, value)| (name, Some(value)));
    let in_key = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.');
    let is_key = name.contains('.') && name.bytes().all(in_key);
    if !is_key && !Setting::OPTIONS.iter().any(|option| option.name() == name) {
        return None;
    }
    Some(match (option_of(name, command), value) {
        (Some(option), None) => option,
        (Some(option), Some(value)) => format!("{option} {value}"),
        (None, Some(_)) if is_key && has_option(command, "set") => format!("--set {}", for_shell(quoted)),
        // Without an option, the bare key of the spec.
        (None, _) => quoted.to_owned(),
    })
}

/// Returns a setting with its value as a shell hands it on whole.
fn for_shell(setting: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "._=,:+/-".contains(c);
    match setting.chars().all(is_plain) {
        true => setting.to_owned(),
        false => format!("'{}'", setting.replace('\'', r"'\''")),
    }
}

/// Returns `message` with every "setting `name`" in it worded as an option of `command`.
pub(super) fn worded(message: &str, command: &clap::Command) -> String {
    const MARK: &str = "setting `";
    let mut worded = String::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once(MARK) {
        worded.push_str(before);
        let found = after.split_once('`').and_then(|(quoted, after)| Some((worded_setting(quoted, command)?, after)));
        match found {
            Some((setting, after)) => {
                worded.push_str(&setting);
                rest = after;
            }
            None => {
                worded.push_str(MARK);
                rest = after;
            }
        }
    }
    worded + rest
}

macro_rules! from_errors {
    ($($error:ty),*) => {
        $(impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::new(error.to_string(), error.kind(), error.advice())
            }
        })*
    };
}

from_errors!(TrainError, TaskError, DeviceError);

impl From<DataError> for CliError {
    fn from(error: DataError) -> Self {
        TrainError::from(error).into()
    }
}

impl From<SpecError> for CliError {
    fn from(error: SpecError) -> Self {
        TrainError::from(error).into()
    }
}

impl From<PictureError> for CliError {
    fn from(error: PictureError) -> Self {
        Self::work(error.to_string())
    }
}

/// Exit code after an interruption by Ctrl-C, with the state saved.
pub const EXIT_INTERRUPTED: u8 = 130;
