//! Specs as TOML: reading, writing, and `--set KEY=VALUE`.

use super::{SPEC_VERSION, Spec, SpecError};
use crate::platform::nearest;

/// Returns the refusal of what a newer version of the program wrote; `None` where `version` is not above `known`.
pub(in crate::model) fn newer_version(version: u64, known: u64) -> Option<String> {
    (version > known).then(|| {
        format!(
            "it was written by a newer version of this program (format {version}, this one reads {known}); update it"
        )
    })
}

/// Returns the version that a text says it has, where the text is TOML at all.
fn version_of(text: &str) -> Option<u64> {
    let table: toml::Table = toml::from_str(text).ok()?;
    table.get("version")?.as_integer().and_then(|version| u64::try_from(version).ok())
}

/// Adds the nearest known name to serde's message: its list can be long.
pub(in crate::model) fn with_nearest(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((asked, known)) if message.starts_with("unknown") => match nearest(asked, known.iter().copied()) {
            Some(near) => format!("{message} (perhaps {near})"),
            None => message.to_owned(),
        },
        _ => message.to_owned(),
    }
}

impl Spec {
    /// Reads a spec; `place` names it in errors.
    pub fn from_toml(text: &str, place: &str) -> Result<Self, SpecError> {
        let spec: Self = toml::from_str(text).map_err(|error| SpecError::Syntax {
            place: match error.span() {
                Some(span) => format!("{place} line {}", text[..span.start.min(text.len())].lines().count().max(1)),
                None => place.to_owned(),
            },
            // What a newer version added is no misspelling of what this one knows.
            problem: version_of(text)
                .and_then(|version| newer_version(version, u64::from(SPEC_VERSION)))
                .unwrap_or_else(|| with_nearest(&one_line(error.message()))),
        })?;
        spec.check()?;
        Ok(spec)
    }

    /// Writes the spec as TOML.
    ///
    /// # Errors
    /// When a number cannot be written in TOML: integers beyond 63 bits.
    pub fn to_toml(&self) -> Result<String, SpecError> {
        toml::to_string(self).map_err(|error| SpecError::Syntax {
            place: "writing spec.toml".to_owned(),
            problem: one_line(&error.to_string()),
        })
    }

    /// Returns this spec with `--set KEY=VALUE` applied, in order.
    pub fn with_set(&self, settings: &[String]) -> Result<Self, SpecError> {
        if settings.is_empty() {
            return Ok(self.clone());
        }
        let mut table: toml::Table = toml::from_str(&self.to_toml()?)
            .map_err(|error| SpecError::Syntax { place: "the spec".to_owned(), problem: one_line(error.message()) })?;
        for asked in settings {
            let problem = |problem: String| SpecError::Set { asked: asked.clone(), problem };
            let (key, value) = asked
                .split_once('=')
                .ok_or_else(|| problem("write it as KEY=VALUE, for example train.epochs=5".to_owned()))?;
            set(&mut table, key.trim(), parse_value(value.trim())).map_err(problem)?;
        }
        let text = toml::to_string(&table).map_err(|error| SpecError::Syntax {
            place: "what is set".to_owned(),
            problem: one_line(&error.to_string()),
        })?;
        Self::from_toml(&text, "what is set").map_err(|error| match error {
            SpecError::Syntax { problem, .. } => SpecError::Set { asked: settings.join(" and "), problem },
            other => other,
        })
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads a TOML value, or text where it is none.
fn parse_value(text: &str) -> toml::Value {
    toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

fn set(table: &mut toml::Table, key: &str, value: toml::Value) -> Result<(), String> {
    match key.split_once('.') {
        None if key.is_empty() => Err("the key is empty; write for example train.epochs=5".to_owned()),
        None => {
            // A whole number where the spec has a fraction: 1 means 1.0.
            let value = match (table.get(key), value) {
                (Some(toml::Value::Float(_)), toml::Value::Integer(whole)) => toml::Value::Float(whole as f64),
                (_, value) => value,
            };
            table.insert(key.to_owned(), value);
            Ok(())
        }
        Some((section, rest)) => {
            let entry = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            match entry {
                toml::Value::Table(inner) => set(inner, rest, value),
                _ => Err(format!("{section} is no section; write for example train.epochs=5")),
            }
        }
    }
}
