//! Metrics of an evaluation as a list, for the table and the CSV file.

use crate::tasks::Evaluation;

/// Metric of the model, with that of PCA if there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    /// Key in `evaluate --json`.
    pub key: &'static str,
    pub title: &'static str,
    pub help: &'static str,
    pub unit: &'static str,
    pub value: f64,
    pub interval: Option<[f64; 2]>,
    pub pca: Option<f64>,
    pub format: FigureFormat,
}

/// Number format of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FigureFormat {
    /// Error or loss.
    Loss,
    Decibel,
    /// Share from 0 to 1.
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

/// Returns the available metrics of the test part, in the order of the table.
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
            "Mean squared error over all values of the test rows",
        ),
        figure(
            "clean_mse",
            "MSE, clean input",
            "",
            FigureFormat::Loss,
            test.clean_mse,
            "Mean squared error if the network is given the clean row",
        ),
        figure(
            "psnr",
            "PSNR",
            "dB",
            FigureFormat::Decibel,
            Some(test.psnr),
            "Peak signal-to-noise ratio, from the mean MSE; higher is better",
        ),
        figure(
            "corrupted_psnr",
            "PSNR of the input",
            "dB",
            FigureFormat::Decibel,
            test.corrupted_psnr,
            "PSNR of the corrupted input, before denoising",
        ),
        figure("ssim", "SSIM", "", FigureFormat::Share, test.ssim, "Structural similarity; 1 is identical"),
        figure("bce", "BCE", "nats per value", FigureFormat::Loss, test.bce, "Binary cross-entropy, mean over values"),
        figure(
            "bce_excess",
            "excess BCE",
            "nats per value",
            FigureFormat::Loss,
            test.bce_excess,
            "BCE above the entropy of the data, its lower bound",
        ),
        figure(
            "negative_elbo",
            "-ELBO",
            "nats per row",
            FigureFormat::Loss,
            test.negative_elbo,
            "Reconstruction plus KL, a bound of the negative log-likelihood; lower is better",
        ),
        figure(
            "reconstruction",
            "reconstruction",
            "nats per row",
            FigureFormat::Loss,
            test.reconstruction,
            "Reconstruction term of -ELBO",
        ),
        figure("kl", "KL", "nats per row", FigureFormat::Loss, test.kl, "KL divergence of the latents from the prior"),
        figure(
            "active_units",
            "active units",
            "",
            FigureFormat::Count,
            count(test.active_units),
            "Latent units that vary over rows or, for TopK, are ever kept",
        ),
        figure(
            "dead_units",
            "dead units",
            "",
            FigureFormat::Share,
            test.dead_units,
            "Share of the latent units that no row uses",
        ),
        figure(
            "codebook_used",
            "codes in use",
            "",
            FigureFormat::Count,
            count(test.codebook_used),
            "Codebook entries used by some row",
        ),
    ];
    let mut list: Vec<Figure> = own.into_iter().flatten().collect();
    if let Some(first) = list.first_mut() {
        first.pca = pca_mse;
    }
    // PSNR follows from the MSE.
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
                help: "Importance-weighted (IWAE) bound on some rows, tighter than the ELBO",
                unit: "nats per row",
                value: bound.negative_log_likelihood,
                interval: bound.interval,
                pca: None,
                format: FigureFormat::Loss,
            },
        );
    }
    list
}

/// Returns the metrics of latent quality, of the model and of PCA of the same size.
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
            "k-NN accuracy",
            "Accuracy of a vote of the 5 nearest train rows in the latent space",
            ours.knn_accuracy,
            theirs.and_then(|pca| pca.knn_accuracy),
        ),
        figure(
            "probe_accuracy",
            "linear probe",
            "Accuracy of a linear classifier trained on the latents",
            ours.probe_accuracy,
            theirs.and_then(|pca| pca.probe_accuracy),
        ),
        figure(
            "silhouette",
            "silhouette",
            "Separation of the classes: 1 is separate, 0 is overlapping, below 0 is mixed",
            ours.silhouette,
            theirs.and_then(|pca| pca.silhouette),
        ),
        figure(
            "trustworthiness",
            "trustworthiness",
            "How far the 5 nearest on the two-dimensional map are neighbors in the data; 1 is best",
            ours.trustworthiness,
            theirs.and_then(|pca| pca.trustworthiness),
        ),
    ];
    list.into_iter().flatten().collect()
}
