//! A finding or a remark of the diagnosis in words, and the comparison with PCA: the same in window, report and page.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::Spec;
use crate::style;

/// Problem that a diagnostic check has found, or a remark on what was looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Identifier of the problem, such as `posterior_collapse`.
    pub code: Cow<'static, str>,
    /// Evidence and one suggestion, in words.
    pub message: String,
}

/// Weight of a finding for display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingTone {
    /// Fault of the model or of its training.
    Problem,
    /// Property worth a look, which may lie in the data.
    Notice,
    /// Fact without a judgment.
    Neutral,
    /// Fault that was looked for and not found, or a comparison won.
    Good,
}

impl Finding {
    /// Builds a finding; `message` is a title, a colon, and the evidence.
    pub(crate) fn new(code: &'static str, message: String) -> Self {
        Self { code: code.into(), message }
    }

    /// Returns the remark on a model that no diagnosis has looked at.
    pub fn not_checked(reason: &str) -> Self {
        Self::new("not_checked", format!("not checked: {reason}"))
    }

    /// Returns the weight for display.
    pub fn tone(&self) -> FindingTone {
        match &*self.code {
            "better_than_pca" | "no_sign" => FindingTone::Good,
            "ahead_of_pca" | "beside_pca" | "validation_gap" | "not_checked" | "kept_pca" => FindingTone::Neutral,
            "behind_pca" | "shared_region" => FindingTone::Notice,
            _ => FindingTone::Problem,
        }
    }

    /// Returns whether it is about the comparison with PCA.
    pub fn is_on_pca(&self) -> bool {
        self.code.ends_with("_pca") && self.code != "kept_pca"
    }

    /// Returns title and evidence as sentences.
    pub fn title_and_evidence(&self) -> [String; 2] {
        let (title, evidence) = self.message.split_once(": ").unwrap_or((&self.message, ""));
        let [mut title, evidence] = [title, evidence].map(|text| {
            let mut text = text.to_owned();
            if let Some(first) = text.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            text
        });
        if !title.ends_with('.') {
            title.push('.');
        }
        [title, evidence]
    }
}

/// Relative difference of two errors up to which they are the same.
const SAME_ERROR: f64 = 1e-4;

/// Squared errors of a model and of PCA at the same latent size, on the same rows from the same input.
#[derive(Clone, Copy, Debug)]
pub struct BesidePca<'a> {
    /// Spec of the model, which says what the comparison is worth.
    pub spec: &'a Spec,
    /// Components of PCA.
    pub components: usize,
    /// Mean squared error of the model.
    pub own: f64,
    /// Mean squared error of PCA.
    pub pca: f64,
    /// Rows that both are measured on, in words, such as `1,000 test rows`.
    pub rows: &'a str,
    /// True if training is over: before that a higher error is no verdict.
    pub ended: bool,
}

impl BesidePca<'_> {
    /// Returns the comparison in words; `None` where an error is no number.
    pub fn finding(&self) -> Option<Finding> {
        let Self { spec, own, pca, rows, ended, .. } = *self;
        if !own.is_finite() || !pca.is_finite() {
            return None;
        }
        let name = format!("PCA with {}", style::counted(self.components, "component"));
        let input = if spec.corruption.is_active() { ", both from the same corrupted input" } else { "" };
        let evidence = format!("MSE {own:.5} against {pca:.5} on {rows}{input}");
        if let Some(aim) = spec.aim_beside_squared_error() {
            let words = format!("beside {name}: {evidence}. No verdict: the model {aim}.");
            return Some(Finding::new("beside_pca", words));
        }
        // A model that is PCA differs from it by rounding alone.
        let differ = (own - pca).abs() > SAME_ERROR * pca;
        Some(match (differ && own < pca, differ && own > pca, ended) {
            (true, _, true) => Finding::new("better_than_pca", format!("beats {name}: {evidence}.")),
            (true, _, false) => Finding::new("ahead_of_pca", format!("ahead of {name}: {evidence}.")),
            (_, true, true) => {
                let evidence = format!("MSE {pca:.5} against {own:.5} of the model on {rows}{input}");
                let words = format!("{name} has the lower error: {evidence}. Train longer, or use PCA.");
                Finding::new("worse_than_pca", words)
            }
            (_, true, false) => Finding::new("behind_pca", format!("behind {name}: {evidence}.")),
            _ => Finding::new("beside_pca", format!("as good as {name}: {evidence}.")),
        })
    }
}
