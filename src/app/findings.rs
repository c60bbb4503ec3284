//! What the figures say, in words, with the evidence under each.

use egui::{Rect, Ui, pos2, vec2};

use super::theme::{colour, regular};
use super::widgets::{card_title, paragraph};
use crate::style::{self, Palette, Rgb, size, space};
use crate::train::{PlayState, Snapshot};

struct Line {
    ink: Rgb,
    title: String,
    evidence: String,
}

pub(super) fn findings_ui(ui: &Ui, palette: &Palette, inside: Rect, snapshot: &Snapshot) {
    card_title(ui, palette, inside, "What it shows", "");
    let mut y = inside.top() + 32.0;
    for line in lines(palette, snapshot) {
        let left = inside.left() + 14.0;
        let width = inside.right() - left;
        let top = y;
        y = paragraph(ui, pos2(left, y), width, &line.title, regular(size::TEXT), colour(palette.text));
        y = paragraph(ui, pos2(left, y + 3.0), width, &line.evidence, regular(size::SECOND), colour(palette.muted));
        let bar = Rect::from_min_size(pos2(inside.left(), top), vec2(3.0, y - top));
        ui.painter().rect_filled(bar, 1.5, colour(line.ink));
        y += space::L;
        if y > inside.bottom() {
            break;
        }
    }
}

fn lines(palette: &Palette, snapshot: &Snapshot) -> Vec<Line> {
    let mut lines = Vec::new();
    if snapshot.state == PlayState::Failed {
        lines.push(Line {
            ink: palette.bad,
            title: "The run has stopped.".to_owned(),
            evidence: snapshot.message.clone(),
        });
        return lines;
    }
    for finding in snapshot.report.iter().flat_map(|report| &report.diagnosis) {
        // The line on PCA below says this one.
        if finding.code != "worse_than_pca" {
            let (title, evidence) = finding.message.split_once(": ").unwrap_or((&finding.message, ""));
            let mut title = title.to_owned();
            if let Some(first) = title.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            lines.push(Line { ink: palette.bad, title: format!("{title}."), evidence: evidence.to_owned() });
        }
    }
    if let Some(report) = &snapshot.report
        && let (Some(test), Some(pca)) = (&report.test, &report.pca)
    {
        let better = test.mse < pca.mse;
        lines.push(Line {
            ink: if better { palette.good } else { palette.bad },
            title: format!(
                "{} PCA with {} components, on test.",
                if better { "Beats" } else { "Does not beat" },
                pca.components
            ),
            evidence: format!(
                "MSE {:.5} against {:.5} on {} rows never used before.",
                test.mse,
                pca.mse,
                style::grouped(test.rows as u64)
            ),
        });
    }
    // Whatever the model is trained on, PCA compares in squared error.
    if let (Some(loss), Some(pca), None) = (snapshot.validation_mse, &snapshot.pca, &snapshot.report) {
        let better = loss < pca.mse;
        lines.push(Line {
            ink: if better { palette.second } else { palette.accent },
            title: format!(
                "{} PCA with {} components.",
                if better { "Ahead of" } else { "Still behind" },
                pca.components
            ),
            evidence: format!("MSE {loss:.5} against {:.5} on validation.", pca.mse),
        });
    }
    if let Some((epoch, loss)) = snapshot.best {
        let last = snapshot.validation_curve.len() as u32;
        let evidence = match last.saturating_sub(epoch) {
            0 => "The latest epoch is the best one so far.".to_owned(),
            1 => "The epoch since then was no better.".to_owned(),
            n => format!("The {n} epochs since then were no better."),
        };
        lines.push(Line {
            ink: palette.second,
            title: format!("Best at epoch {epoch}: validation {}.", style::figure(loss)),
            evidence,
        });
    }
    if lines.is_empty() {
        lines.push(Line {
            ink: palette.accent,
            title: "It has just begun.".to_owned(),
            evidence: "Watch the outputs sharpen and the map fall into regions. Drag the learning rate to see what it \
                       does."
                .to_owned(),
        });
    }
    lines
}
