//! File picker: the dialog of the desktop, or a typed path where there is none.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Key, Ui};

use super::dialog::{field, heading, problem, sheet, words};
use super::waker;
use super::widgets::{Button, ButtonKind};
use crate::app::shell::desktop::{Answer, Dialogs, Question, TypedPaths};
use crate::platform::Task;
use crate::platform::folders::home_folder;
use crate::style::{Palette, space};

/// Open question, with the purpose `P` that is returned with the path.
struct Asked<P> {
    question: Question,
    purpose: P,
    /// Task of the desktop's dialog; `None` while a path is typed.
    dialog: Option<Task<(), Answer>>,
    text: String,
    problem: Option<String>,
    fresh: bool,
}

/// Picker of one path at a time.
pub(crate) struct FilePicker<P> {
    dialogs: Arc<dyn Dialogs>,
    asked: Option<Asked<P>>,
}

impl<P> Default for FilePicker<P> {
    fn default() -> Self {
        Self::new(Arc::new(TypedPaths))
    }
}

impl<P> FilePicker<P> {
    pub fn new(dialogs: Arc<dyn Dialogs>) -> Self {
        Self { dialogs, asked: None }
    }

    /// Returns whether its sheet has the keyboard.
    pub fn is_typing(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.dialog.is_none())
    }

    /// Asks for a path; an open question is canceled.
    pub fn ask(&mut self, context: &egui::Context, question: Question, purpose: P) {
        let (dialogs, wanted) = (Arc::clone(&self.dialogs), question.clone());
        let dialog = Task::start("hourglass-dialog", waker(context), move |_| dialogs.ask(&wanted)).ok();
        let text = match &question {
            Question::Save { name, folder, .. } => {
                folder.as_ref().map_or_else(|| name.into(), |folder| folder.join(name)).display().to_string()
            }
            _ => String::new(),
        };
        self.asked = Some(Asked { question, purpose, dialog, text, problem: None, fresh: true });
    }

    /// Draws the sheet of a typed path; returns the purpose and the chosen path.
    pub fn ui(&mut self, ui: &Ui, palette: &Palette) -> Option<(P, PathBuf)> {
        let asked = self.asked.as_mut()?;
        if let Some(dialog) = &asked.dialog {
            match dialog.take()? {
                Answer::Chosen(path) => return self.asked.take().map(|asked| (asked.purpose, path)),
                Answer::Canceled => self.asked = None,
                Answer::NoService => {
                    asked.dialog = None;
                    ui.ctx().request_repaint();
                }
            }
            return None;
        }
        let saving = matches!(asked.question, Question::Save { .. });
        let (done, away) = sheet(ui.ctx(), palette, "path", 520.0, |ui| asked.sheet(ui, palette, saving));
        match done {
            Some(true) => {
                let path = typed_path(&asked.text);
                let there = path.exists();
                let folder_there = path.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir());
                if !saving && !there {
                    asked.problem =
                        Some(format!("{} does not exist; give the path of a file or folder", path.display()));
                } else if saving && !folder_there {
                    asked.problem = Some(format!("{} lies in no existing folder; name another", path.display()));
                } else if saving && there && asked.problem.is_none() {
                    asked.problem = Some("it exists already: press Save again to overwrite it".to_owned());
                } else {
                    return self.asked.take().map(|asked| (asked.purpose, path));
                }
                // The field gets the focus again for a correction.
                asked.fresh = true;
            }
            Some(false) => self.asked = None,
            None if away => self.asked = None,
            None => {}
        }
        None
    }
}

impl<P> Asked<P> {
    /// Draws the sheet; returns `Some(true)` to accept the path, `Some(false)` to cancel.
    fn sheet(&mut self, ui: &mut Ui, palette: &Palette, saving: bool) -> Option<bool> {
        heading(ui, palette, self.question.title());
        let width = ui.available_width();
        let hint = if saving { "path to write" } else { "path" };
        let before = self.text.clone();
        let typed = field(ui, &mut self.text, "Path", hint, width);
        if std::mem::take(&mut self.fresh) {
            typed.request_focus();
        }
        if self.text != before {
            self.problem = None;
        }
        let entered = typed.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        match &self.problem {
            Some(text) => problem(ui, palette, text),
            None => words(ui, palette, "This desktop has no file dialog: type the path."),
        }
        ui.add_space(space::S);
        let given = !self.text.trim().is_empty();
        let (label, help) =
            if saving { ("Save", "Save the file") } else { ("Open", "Open the file or folder at this path") };
        let mut done = None;
        ui.horizontal(|ui| {
            let take = Button::new(ButtonKind::Primary, label, help).enabled(given).show_here(ui, palette);
            if take.clicked() || entered && given {
                done = Some(true);
            }
            if Button::new(ButtonKind::Plain, "Cancel", "Do nothing").show_here(ui, palette).clicked() {
                done = Some(false);
            }
        });
        done
    }
}

/// Parses a typed or pasted path: `~` is the home folder, quotes around it are removed.
fn typed_path(text: &str) -> PathBuf {
    let text = text.trim();
    let unquoted = ['"', '\''].iter().find_map(|&quote| text.strip_prefix(quote)?.strip_suffix(quote));
    let text = unquoted.unwrap_or(text);
    match text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with(['/', '\\'])) {
        Some(rest) => {
            home_folder().map_or_else(|| PathBuf::from(text), |home| home.join(rest.trim_start_matches(['/', '\\'])))
        }
        None => PathBuf::from(text),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::typed_path;
    use crate::platform::folders::home_folder;

    #[test]
    fn paths_are_taken_as_people_type_them() {
        let home = home_folder().unwrap_or_default();
        assert!(home.is_absolute(), "there is a home folder");
        for (typed, meant) in [
            (" /a/b.png ", PathBuf::from("/a/b.png")),
            ("\"/a/b c.png\"", PathBuf::from("/a/b c.png")),
            ("'/a/b.png'", PathBuf::from("/a/b.png")),
            ("~/b.png", home.join("b.png")),
            ("~", home),
            ("~b.png", PathBuf::from("~b.png")),
        ] {
            assert_eq!(typed_path(typed), meant, "{typed}");
        }
    }
}
