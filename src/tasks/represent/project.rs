//! Map of data in two dimensions, with the clusters that its latents form.

use std::path::Path;

use serde::Serialize;

use crate::data::Part;
use crate::device::Device;
use crate::error::Setting;
use crate::metrics::{KMeans, kmeans, silhouettes};
use crate::model::{ModelFileError, write_whole};
use crate::monitor::plane;
use crate::platform::Wait as _;
use crate::plot::{Area, Canvas, PictureError, map_view};
use crate::random::Sampler;
use crate::style::{DARK, LABELS};
use crate::tasks::TaskError;
use crate::tasks::evaluate::OpenedModel;
use crate::tasks::export::extension;

/// Clusters that are tried, at most, where no number is given.
const MOST_GROUPS: usize = 10;
/// Rows that distances are measured to; drawn where there are more.
const REFERENCES: usize = 2000;
/// Side of the image in pixels, and its margin around the points.
const SIDE: u32 = 1200;
const MARGIN: f32 = 40.0;

/// The object that `project --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Projection {
    /// Path of the model file.
    pub model: String,
    /// Source of the rows, as given.
    pub data: String,
    /// Number of rows.
    pub rows: usize,
    /// Coordinates of the map: `latents` where the model has two or fewer, else `pca`, the two main components of its
    /// latents.
    pub map: &'static str,
    /// Number of clusters.
    pub clusters: usize,
    /// Mean silhouette of the clusters over rows, in latent space; `None` for a single cluster.
    pub silhouette: Option<f64>,
    /// Number of rows that distances of silhouettes are measured to.
    pub silhouette_references: usize,
    /// Path of the map's file.
    pub output: String,
    /// Remarks on the data in words: omissions and their reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Writes the position of each row of `source` on the map of the model at `path`: a `.csv` file with `row` (from 1),
/// `x`, `y`, `cluster` (from 0, the largest first), `silhouette` and, where rows have classes, `label`; or a `.png` of
/// the points colored by class, or else by cluster. Clusters are k-means in latent space: `clusters` of them, or as
/// many of 2 to 10 as have the highest mean silhouette.
///
/// # Errors
/// When the data does not fit the model, the model has no bottleneck, there are fewer rows than clusters, or `output`
/// is no such file.
#[tracing::instrument(level = "debug", name = "project", skip_all)]
pub fn project(
    path: &Path,
    source: &str,
    output: &Path,
    clusters: Option<usize>,
    seed: u64,
    device: &Device,
) -> Result<Projection, TaskError> {
    let wrong = |setting, problem: String| TaskError::Setting { setting, problem };
    let kind = extension(output);
    if !matches!(kind.as_deref(), Some("csv" | "png")) {
        let problem = format!("{} cannot hold a map; give a .csv or .png file", output.display());
        return Err(wrong(Setting::OUTPUT, problem));
    }
    let OpenedModel { loaded, mut evaluator, data, .. } = OpenedModel::new(path, Some(source), device)?;
    loaded.network().check_bottleneck()?;
    let (latent, rows) = (loaded.latent(), data.part(Part::Test));
    let latents = evaluator.outputs(rows.clone(), false, false).wait()?.latents;
    let map = plane(&latents, latent);
    if map.len() != 2 * rows.len() {
        return Err(wrong(Setting::DATA, format!("{} row cannot make a map; give two or more", rows.len())));
    }
    let references = Sampler::new(seed, 5).choose(REFERENCES, rows.len());
    let grouped = |k: usize| {
        let found = kmeans(&latents, latent, k, seed)?;
        let scores = silhouettes(&latents, latent, &found.groups, &references);
        Some((found, scores))
    };
    let mean = |scores: &Option<Vec<f64>>| {
        scores.as_ref().map(|scores| scores.iter().sum::<f64>() / scores.len().max(1) as f64)
    };
    let best = match clusters {
        Some(k) => grouped(k),
        None => best_count(&latents, latent, &references, seed).and_then(grouped),
    };
    let (KMeans { groups, .. }, scores) = best.ok_or_else(|| {
        wrong(Setting::CLUSTERS, format!("{} rows are too few for them; give fewer clusters or more rows", rows.len()))
    })?;
    let labels = data.labels.as_ref().map(|labels| &labels[rows.clone()]);
    if kind.as_deref() == Some("csv") {
        let name = |label: u16| data.classes.get(usize::from(label)).cloned().unwrap_or_else(|| label.to_string());
        let unwritable = |problem: String| ModelFileError::Unwritable { path: output.into(), problem };
        let mut table = csv::Writer::from_writer(Vec::new());
        let header = ["row", "x", "y", "cluster", "silhouette"].into_iter().chain(labels.map(|_| "label"));
        table.write_record(header).map_err(|error| unwritable(error.to_string()))?;
        for (row, point) in map.chunks_exact(2).enumerate() {
            let silhouette = scores.as_ref().map_or_else(String::new, |scores| format!("{:.6}", scores[row]));
            let fixed = [(row + 1).to_string(), point[0].to_string(), point[1].to_string(), groups[row].to_string()];
            let record = fixed.into_iter().chain([silhouette]).chain(labels.map(|labels| name(labels[row])));
            table.write_record(record).map_err(|error| unwritable(error.to_string()))?;
        }
        write_whole(output, &table.into_inner().map_err(|error| unwritable(error.to_string()))?)?;
    } else {
        let classes: Vec<usize> = match labels {
            Some(labels) => labels.iter().map(|&label| usize::from(label)).collect(),
            None => groups.clone(),
        };
        draw(&map, &classes, output)?;
    }
    Ok(Projection {
        model: path.display().to_string(),
        data: source.to_owned(),
        rows: rows.len(),
        map: if latent > 2 { "pca" } else { "latents" },
        clusters: groups.iter().max().map_or(0, |&highest| highest + 1),
        silhouette: mean(&scores),
        silhouette_references: references.len(),
        output: output.display().to_string(),
        notes: data.notes.clone(),
    })
}

/// Returns the count of clusters with the highest mean silhouette among `references` alone, of equal ones the least.
fn best_count(latents: &[f32], latent: usize, references: &[usize], seed: u64) -> Option<usize> {
    let rows: Vec<f32> =
        references.iter().flat_map(|&row| &latents[row * latent..(row + 1) * latent]).copied().collect();
    let all: Vec<usize> = (0..references.len()).collect();
    let scored = (2..=MOST_GROUPS).filter_map(|k| {
        let found = kmeans(&rows, latent, k, seed)?;
        let scores = silhouettes(&rows, latent, &found.groups, &all)?;
        Some((k, scores.iter().sum::<f64>()))
    });
    let best = scored.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(k, _)| k).or_else(|| (!references.is_empty()).then_some(1))
}

fn draw(map: &[f32], classes: &[usize], output: &Path) -> Result<(), PictureError> {
    let points: Vec<[f32; 2]> = map.chunks_exact(2).map(|point| [point[0], point[1]]).collect();
    let mut canvas = Canvas::new(SIDE, SIDE)?;
    let side = SIDE as f32;
    canvas.fill_rect(Area { x: 0.0, y: 0.0, w: side, h: side }, DARK.background, 0.0);
    if let Some(view) = map_view(&points) {
        let scale = (side / 2.0 - MARGIN) / view.half[0].max(view.half[1]);
        for (point, class) in points.iter().zip(classes) {
            let at = |axis: usize| (point[axis] - view.center[axis]) * scale;
            let (x, y) = (side / 2.0 + at(0), side / 2.0 - at(1));
            if x.is_finite() && y.is_finite() {
                canvas.dot(x, y, 2.5, LABELS[class % LABELS.len()], 0.8);
            }
        }
    }
    canvas.save(output)
}
