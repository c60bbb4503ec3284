//! The figures of an evaluation as a list, for the table and for the file.

use crate::tasks::Evaluation;

/// A figure of the model, and PCA's where it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    /// As `evaluate --json` has it.
    pub key: &'static str,
    pub title: &'static str,
    pub help: &'static str,
    pub unit: &'static str,
    pub value: f64,
    pub interval: Option<[f64; 2]>,
    pub pca: Option<f64>,
    pub format: FigureFormat,
}

/// How a figure is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FigureFormat {
    /// An error or a loss.
    Loss,
    Decibel,
    /// From 0 to 1.
    Share,
    Count,
}

impl Figure {
    pub fn text(&self, value: f64) -> String {
        match self.format {
            FigureFormat::Loss => crate::style::figure(value),
            FigureFormat::Decibel => format!("{value:.2}"),
            FigureFormat::Share => format!("{value:.4}"),
            FigureFormat::Count => format!("{value:.0}"),
        }
    }
}

/// Of the test part, what is there, in the order of the table.
pub(super) fn figures(evaluation: &Evaluation) -> Vec<Figure> {
    let (test, intervals) = (&evaluation.test, &evaluation.intervals);
    let pca_mse = evaluation.pca.as_ref().map(|pca| pca.report.mse);
    let figure = |key, title, unit, form, value: Option<f64>, help| {
        let interval = intervals.get(key).copied();
        Some(Figure { key, title, help, unit, value: value?, interval, pca: None, format: form })
    };
    let count = |value: Option<usize>| value.map(|value| value as f64);
    let own = [
        figure(
            "mse",
            "MSE",
            "",
            FigureFormat::Loss,
            Some(test.mse),
            "Mean squared error over all values of rows never trained on",
        ),
        figure(
            "clean_mse",
            "MSE, clean input",
            "",
            FigureFormat::Loss,
            test.clean_mse,
            "The same where the network is given the clean row",
        ),
        figure(
            "psnr",
            "PSNR",
            "dB",
            FigureFormat::Decibel,
            Some(test.psnr),
            "Signal over error, from the mean MSE; higher is better",
        ),
        figure(
            "corrupted_psnr",
            "PSNR of the input",
            "dB",
            FigureFormat::Decibel,
            test.corrupted_psnr,
            "Of the corrupted input itself: what it was before",
        ),
        figure(
            "ssim",
            "SSIM",
            "",
            FigureFormat::Share,
            test.ssim,
            "Likeness of structure as people see it; 1 is equal",
        ),
        figure("bce", "BCE", "nats a value", FigureFormat::Loss, test.bce, "Binary cross-entropy, mean over values"),
        figure(
            "bce_excess",
            "BCE above its floor",
            "nats a value",
            FigureFormat::Loss,
            test.bce_excess,
            "What is left of it above the data's own entropy",
        ),
        figure(
            "negative_elbo",
            "-ELBO",
            "nats a row",
            FigureFormat::Loss,
            test.negative_elbo,
            "Reconstruction and KL together: a bound of minus the log-likelihood; lower is better",
        ),
        figure(
            "reconstruction",
            "reconstruction",
            "nats a row",
            FigureFormat::Loss,
            test.reconstruction,
            "The part of -ELBO that the decoder misses",
        ),
        figure("kl", "KL", "nats a row", FigureFormat::Loss, test.kl, "What the latents say of a row beyond the prior"),
        figure(
            "active_units",
            "active units",
            "",
            FigureFormat::Count,
            count(test.active_units),
            "Latent units that tell rows apart",
        ),
        figure(
            "dead_units",
            "dead units",
            "",
            FigureFormat::Share,
            test.dead_units,
            "Share of the units that no row uses",
        ),
        figure(
            "codebook_used",
            "codes in use",
            "",
            FigureFormat::Count,
            count(test.codebook_used),
            "Entries of the codebook that some row uses",
        ),
    ];
    let mut list: Vec<Figure> = own.into_iter().flatten().collect();
    if let Some(first) = list.first_mut() {
        first.pca = pca_mse;
    }
    // PSNR is the same figure in other units.
    let decibel = |mse: f64| -10.0 * mse.log10();
    if let Some(psnr) = list.iter_mut().find(|figure| figure.key == "psnr") {
        psnr.pca = pca_mse.filter(|mse| *mse > 0.0).map(decibel);
    }
    if let Some(bound) = &evaluation.iwae {
        let place = list.iter().position(|figure| figure.key == "reconstruction").unwrap_or(list.len());
        list.insert(
            place,
            Figure {
                key: "negative_log_likelihood",
                title: "-log-likelihood",
                help: "A tighter bound than the ELBO, by importance-weighted samples of some rows",
                unit: "nats a row",
                value: bound.negative_log_likelihood,
                interval: bound.interval,
                pca: None,
                format: FigureFormat::Loss,
            },
        );
    }
    list
}

/// What the latents are worth, the model's and PCA's of the same size.
pub(super) fn worth(evaluation: &Evaluation) -> Vec<Figure> {
    let ours = &evaluation.representation;
    let theirs = evaluation.pca.as_ref().map(|pca| &pca.representation);
    let figure = |key, title, help, value: Option<f64>, pca: Option<f64>| {
        let interval = ours.intervals.get(key).copied();
        Some(Figure { key, title, help, unit: "", value: value?, interval, pca, format: FigureFormat::Share })
    };
    let list = [
        figure(
            "knn_accuracy",
            "neighbors",
            "Share of rows whose class is that of most of their 5 nearest train rows in the latent space",
            ours.knn_accuracy,
            theirs.and_then(|pca| pca.knn_accuracy),
        ),
        figure(
            "probe_accuracy",
            "linear probe",
            "Share of rows that a linear classifier on the latents puts in their class",
            ours.probe_accuracy,
            theirs.and_then(|pca| pca.probe_accuracy),
        ),
        figure(
            "silhouette",
            "silhouette",
            "How far classes keep apart: 1 is apart, 0 is mixed, below 0 is in each other",
            ours.silhouette,
            theirs.and_then(|pca| pca.silhouette),
        ),
        figure(
            "trustworthiness",
            "trust in the map",
            "How far the nearest on a map in two dimensions are neighbors as rows; 1 is all of them",
            ours.trustworthiness,
            theirs.and_then(|pca| pca.trustworthiness),
        ),
    ];
    list.into_iter().flatten().collect()
}
